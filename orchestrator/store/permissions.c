/* SPDX-License-Identifier: Apache-2.0 */
#include "store/permissions.h"

#include "store/mlflow_roles.h"
#include "store/stmt.h"
#include "store/store_internal.h"

const char *const permission_words[] = {"NO_PERMISSIONS", "READ", "USE", "EDIT", "MANAGE", NULL};

const char *permission_word(enum permission permission)
{
    return permission == PERMISSION_DENY ? "DENY" : permission_words[permission];
}

int permission_parse(const char *word, enum permission *ret, struct err *err)
{
    for (int i = PERMISSION_DENY; i <= PERMISSION_MANAGE; i++) {
        if (strcmp(permission_word((enum permission)i), word) == 0) {
            *ret = (enum permission)i;
            return 0;
        }
    }
    return err_set(err, ERR_INPUT,
                   "Invalid permission '%s'. Valid permissions are: ('READ', 'USE', 'EDIT', 'MANAGE', "
                   "'NO_PERMISSIONS', 'DENY')",
                   word);
}

const char *const granted_words[] = {"experiment", "prompt", "registered_model", "workspace", NULL};

int granted_parse(const char *word, enum granted_type *ret, struct err *err)
{
    for (int i = 0; granted_words[i] != NULL; i++) {
        if (strcmp(granted_words[i], word) == 0) {
            *ret = (enum granted_type)i;
            return 0;
        }
    }
    return err_set(err, ERR_INPUT,
                   "Invalid resource type '%s'. Valid resource types are: ('experiment', 'prompt', "
                   "'registered_model', 'workspace')",
                   word);
}

/* ---- what all of it comes to ------------------------------------------------------------------------------------ */

void permission_say(struct permission_said *said, enum granted_type type, enum permission permission)
{
    if (type == GRANTED_WORKSPACE) { /* less than MANAGE says that somebody belongs there, and nothing of objects */
        said->manages_all = said->manages_all || permission == PERMISSION_MANAGE;
    } else if (permission == PERMISSION_DENY) {
        said->is_denied = true;
    } else if (permission > said->by_roles) {
        said->by_roles = permission;
    }
}

enum permission permission_resolve(const struct permission_said *said, enum permission by_default)
{
    if (said->manages_all) {
        return PERMISSION_MANAGE;
    }
    if (said->is_denied || (said->is_direct && said->direct == PERMISSION_DENY)) {
        return PERMISSION_DENY;
    }
    enum permission least = said->is_direct ? said->direct : by_default;
    return said->by_roles > least ? said->by_roles : least;
}

/* ---- what is kept ----------------------------------------------------------------------------------------------- */

int store_experiment_of(struct store *store, enum owned kind, const char *id, int64_t *ret, struct err *err)
{
    static const char *const questions[] = {
        [OWNED_RUN] = "SELECT experiment_id FROM runs WHERE run_id = :id",
        [OWNED_LOGGED_MODEL] = "SELECT experiment_id FROM logged_models WHERE model_id = :id",
        [OWNED_TRACE] = "SELECT experiment_id FROM traces WHERE request_id = :id",
    };
    struct stmt *s = stmt_get(store, questions[kind]);
    stmt_text(s, ":id", id);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = stmt_column_int(s, 0);
    }
    stmt_done(s);
    return row;
}

uint64_t store_permissions_version(const struct store *store)
{
    return store->permissions.version;
}

static struct stmt *bind(struct store *store, int64_t user_id, const struct permission_object *object,
                         const char *of_model, const char *of_experiment)
{
    struct stmt *s = stmt_get(store, object->model != NULL ? of_model : of_experiment);
    stmt_int(s, ":user", user_id);
    if (object->model != NULL) {
        stmt_text(s, ":object", object->model);
    } else {
        stmt_int(s, ":object", object->experiment_id);
    }
    return s;
}

int store_permission_find(struct store *store, int64_t user_id, const struct permission_object *object,
                          enum permission *ret, struct err *err)
{
    struct stmt *s = bind(
        store, user_id, object,
        "SELECT permission FROM registered_model_permissions WHERE user_id = :user AND name = :object",
        "SELECT permission FROM experiment_permissions WHERE user_id = :user AND experiment_id = :object");
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = (enum permission)stmt_column_int(s, 0);
    }
    stmt_done(s);
    return row;
}

int store_permission_said(struct store *store, int64_t user_id, const struct permission_object *object,
                          struct permission_said *ret, struct err *err)
{
    *ret = (struct permission_said){0};
    int found = store_permission_find(store, user_id, object, &ret->direct, err);
    ret->is_direct = found == 1;
    return found < 0 ? -1 : store_mlflow_roles_say(store, user_id, object, ret, err);
}

/* As the conditions of searches have it (store/reader_sql.h). */
int store_reader_sees(struct store *store, const struct reader *reader, const struct permission_object *object,
                      struct err *err)
{
    struct permission_said said;
    if (reader == NULL) {
        return 1;
    }
    bool is_among = reader->experiments == NULL;
    for (size_t i = 0; !is_among && object->model == NULL && i < reader->experiment_count; i++) {
        is_among = reader->experiments[i] == object->experiment_id;
    }
    if (!is_among || reader->sees_all) {
        return is_among;
    }
    enum permission by_default = reader->by_default ? PERMISSION_READ : PERMISSION_NONE;
    return store_permission_said(store, reader->user_id, object, &said, err) < 0
               ? -1
               : permission_resolve(&said, by_default) >= PERMISSION_READ;
}

int store_permission_put(struct store *store, int64_t user_id, const struct permission_object *object,
                         enum permission permission, struct err *err)
{
    struct stmt *s = bind(store, user_id, object,
                          "INSERT INTO registered_model_permissions (user_id, name, permission) "
                          "VALUES (:user, :object, :permission) ON CONFLICT (user_id, name) "
                          "DO UPDATE SET permission = excluded.permission",
                          "INSERT INTO experiment_permissions (user_id, experiment_id, permission) "
                          "VALUES (:user, :object, :permission) ON CONFLICT (user_id, experiment_id) "
                          "DO UPDATE SET permission = excluded.permission");
    stmt_int(s, ":permission", permission);
    store_changes_note(&store->permissions);
    return stmt_run_one(s, "keeping a permission", err);
}

int store_permission_remove(struct store *store, int64_t user_id, const struct permission_object *object,
                            struct err *err)
{
    struct stmt *s = bind(store, user_id, object,
                          "DELETE FROM registered_model_permissions WHERE user_id = :user AND name = :object",
                          "DELETE FROM experiment_permissions WHERE user_id = :user AND experiment_id = :object");
    store_changes_note(&store->permissions);
    return (int)stmt_run(s, err);
}

static void read_permission(struct stmt *s, struct arena *arena, void *item)
{
    *(struct permission_row *)item = (struct permission_row){
        .object = {.model = stmt_column_text_or_null(s, 2, arena), .experiment_id = stmt_column_int(s, 1)},
        .permission = (enum permission)stmt_column_int(s, 3),
    };
}

int store_permission_list(struct store *store, int64_t user_id, struct arena *arena, struct permission_row **ret,
                          size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT 0 AS kind, experiment_id, NULL AS name, permission "
                                     "FROM experiment_permissions WHERE user_id = :user UNION ALL "
                                     "SELECT 1, 0, name, permission FROM registered_model_permissions "
                                     "WHERE user_id = :user ORDER BY kind, experiment_id, name");
    stmt_int(s, ":user", user_id);
    return stmt_read_rows(s, read_permission, sizeof **ret, arena, ret, ret_count, err);
}

int store_permissions_forget(struct store *store, const char *name, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM registered_model_permissions WHERE name = :name");
    stmt_text(s, ":name", name);
    store_changes_note(&store->permissions); /* what has that name next may be a prompt, or none */
    return stmt_run(s, err) < 0 ? -1 : 0;
}

/* What was said of the new name before was meant for another model. */
int store_permissions_rename(struct store *store, const char *name, const char *new_name, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE registered_model_permissions SET name = :new_name WHERE name = :name");
    if (store_permissions_forget(store, new_name, err) < 0) {
        stmt_done(s);
        return -1;
    }
    stmt_text(s, ":new_name", new_name);
    stmt_text(s, ":name", name);
    return stmt_run(s, err) < 0 ? -1 : 0;
}
