/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mlflow_roles.h"

#include "store/key_rules.h"
#include "store/stmt.h"
#include "store/store_internal.h"

enum { PATTERN_MAX = 256 }; /* as long as the name of a model */

static int changed(struct store *store, int result)
{
    store_changes_note(&store->permissions);
    return result;
}

/* ---- roles ------------------------------------------------------------------------------------------------------ */

#define ROLES "SELECT r.id, r.workspace, r.name, r.description FROM mlflow_roles AS r "

static void read_role(struct stmt *s, struct arena *arena, void *item)
{
    *(struct mlflow_role *)item = (struct mlflow_role){
        .id = stmt_column_int(s, 0),
        .workspace = stmt_column_text(s, 1, arena),
        .name = stmt_column_text(s, 2, arena),
        .description = stmt_column_text_or_null(s, 3, arena),
    };
}

static int check_role(const struct mlflow_role *role, struct err *err)
{
    const char *description = role->description == NULL ? "" : role->description;
    return value_check_length("Role name", role->name, MLFLOW_ROLE_NAME_MAX, err) < 0 ||
                   value_check_length("Workspace", role->workspace, MLFLOW_ROLE_WORKSPACE_MAX, err) < 0 ||
                   value_check_length("Role description", description, MLFLOW_ROLE_DESCRIPTION_MAX, err) < 0
               ? -1
               : 0;
}

/* 1 when the workspace has another role of that name. */
static int is_taken(struct store *store, const struct mlflow_role *role, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT 1 FROM mlflow_roles WHERE workspace = :workspace AND name = :name "
                                     "AND id <> :id");
    stmt_text(s, ":workspace", role->workspace);
    stmt_text(s, ":name", role->name);
    stmt_int(s, ":id", role->id);
    int row = stmt_step(s, err);
    stmt_done(s);
    return row;
}

int store_mlflow_role_add(struct store *store, const struct mlflow_role *role, int64_t *ret_id, struct err *err)
{
    struct mlflow_role made = *role;
    made.id = 0;
    int taken = check_role(role, err) < 0 ? -1 : is_taken(store, &made, err);
    if (taken != 0) {
        return taken < 0 ? -1
                         : err_set(err, ERR_EXISTS, "Role (name=%s, workspace=%s) already exists.", role->name,
                                   role->workspace);
    }
    struct stmt *s = stmt_get(store, "INSERT INTO mlflow_roles (workspace, name, description) "
                                     "VALUES (:workspace, :name, :description)");
    stmt_text(s, ":workspace", role->workspace);
    stmt_text(s, ":name", role->name);
    stmt_text(s, ":description", role->description);
    if (stmt_run_one(s, "keeping a role of MLflow's", err) < 0) {
        return -1;
    }
    *ret_id = stmt_last_id(store);
    return 0;
}

int store_mlflow_role_get(struct store *store, int64_t role_id, struct arena *arena, struct mlflow_role *ret,
                          struct err *err)
{
    struct stmt *s = stmt_get(store, ROLES "WHERE r.id = :id");
    stmt_int(s, ":id", role_id);
    int row = stmt_read_row(s, read_role, arena, ret, err);
    return row == 0 ? err_set(err, ERR_NOT_FOUND, "Role with id=%lld not found", (long long)role_id)
                    : row < 0 ? -1 : 0;
}

int store_mlflow_role_list(struct store *store, const char *workspace, struct arena *arena, struct mlflow_role **ret,
                           size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, ROLES "WHERE :workspace IS NULL OR r.workspace = :workspace ORDER BY r.id");
    stmt_text(s, ":workspace", workspace);
    return stmt_read_rows(s, read_role, sizeof **ret, arena, ret, ret_count, err);
}

int store_mlflow_role_list_of(struct store *store, int64_t user_id, struct arena *arena, struct mlflow_role **ret,
                              size_t *ret_count, struct err *err)
{
    struct stmt *s =
        stmt_get(store, ROLES "JOIN mlflow_role_users AS u ON u.role_id = r.id WHERE u.user_id = :user ORDER BY r.id");
    stmt_int(s, ":user", user_id);
    return stmt_read_rows(s, read_role, sizeof **ret, arena, ret, ret_count, err);
}

int store_mlflow_role_change(struct store *store, const struct mlflow_role *role, struct err *err)
{
    int taken = check_role(role, err) < 0 ? -1 : is_taken(store, role, err);
    if (taken != 0) {
        return taken < 0 ? -1
                         : err_set(err, ERR_EXISTS, "Role with name=%s already exists in workspace=%s", role->name,
                                   role->workspace);
    }
    struct stmt *s = stmt_get(store, "UPDATE mlflow_roles SET name = :name, description = :description WHERE id = :id");
    stmt_text(s, ":name", role->name);
    stmt_text(s, ":description", role->description);
    stmt_int(s, ":id", role->id);
    return stmt_run_one(s, "changing a role of MLflow's", err);
}

int store_mlflow_role_remove(struct store *store, int64_t role_id, struct err *err)
{
    static const char *const deletions[] = {
        "DELETE FROM mlflow_role_users WHERE role_id = :role",
        "DELETE FROM mlflow_role_permissions WHERE role_id = :role",
        "DELETE FROM mlflow_roles WHERE id = :role",
    };
    for (size_t i = 0; i < sizeof deletions / sizeof deletions[0]; i++) {
        struct stmt *s = stmt_get(store, deletions[i]);
        stmt_int(s, ":role", role_id);
        if (stmt_run(s, err) < 0) {
            return changed(store, -1);
        }
    }
    return changed(store, 0);
}

/* ---- what they say ---------------------------------------------------------------------------------------------- */

int mlflow_role_check(enum granted_type type, enum permission permission, struct err *err)
{
    if (type == GRANTED_WORKSPACE) {
        return permission == PERMISSION_USE || permission == PERMISSION_MANAGE
                   ? 0
                   : err_set(err, ERR_INPUT,
                             "Invalid permission '%s' for resource_type='workspace'. Workspace-wide grants accept "
                             "only: ('MANAGE', 'USE').",
                             permission_word(permission));
    }
    return permission != PERMISSION_NONE
               ? 0
               : err_set(err, ERR_INPUT,
                         "Invalid permission '%s' for resource_type='%s'. Resource-level grants accept only: "
                         "('DENY', 'EDIT', 'MANAGE', 'READ', 'USE').",
                         permission_word(permission), granted_words[type]);
}

#define PERMISSIONS "SELECT id, role_id, resource_type, resource_pattern, permission FROM mlflow_role_permissions "

static int read_type(struct stmt *s, int column, enum granted_type *ret, struct err *err)
{
    char word[32];
    struct str text = stmt_column_view(s, column);
    if (text.n >= sizeof word) {
        return err_set(err, ERR_INTERNAL, "the type of a permission has %zu bytes", text.n);
    }
    memcpy(word, text.p, text.n);
    word[text.n] = '\0';
    return granted_parse(word, ret, err);
}

static int read_permission(struct stmt *s, struct arena *arena, struct mlflow_role_permission *ret, struct err *err)
{
    *ret = (struct mlflow_role_permission){
        .id = stmt_column_int(s, 0),
        .role_id = stmt_column_int(s, 1),
        .pattern = stmt_column_text(s, 3, arena),
        .permission = (enum permission)stmt_column_int(s, 4),
    };
    return read_type(s, 2, &ret->type, err);
}

static int find_pattern(struct store *store, const struct mlflow_role_permission *permission, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT 1 FROM mlflow_role_permissions WHERE role_id = :role AND "
                                     "resource_type = :type AND resource_pattern = :pattern");
    stmt_int(s, ":role", permission->role_id);
    stmt_text(s, ":type", granted_words[permission->type]);
    stmt_text(s, ":pattern", permission->pattern);
    int row = stmt_step(s, err);
    stmt_done(s);
    return row;
}

int mlflow_role_check_pattern(enum granted_type type, const char *pattern, struct err *err)
{
    if (type == GRANTED_WORKSPACE && strcmp(pattern, "*") != 0) {
        return err_set(err, ERR_INPUT,
                       "Invalid resource_pattern '%s' for resource_type='workspace'. This resource type supports "
                       "only wildcard ('*') grants.",
                       pattern);
    }
    return value_check_length("Resource pattern", pattern, PATTERN_MAX, err);
}

int store_mlflow_role_permission_add(struct store *store, const struct mlflow_role_permission *permission,
                                     int64_t *ret_id, struct err *err)
{
    int taken = find_pattern(store, permission, err);
    if (taken != 0) {
        return taken < 0 ? -1
                         : err_set(err, ERR_EXISTS,
                                   "Role permission (role_id=%lld, resource_type=%s, resource_pattern=%s) already "
                                   "exists.",
                                   (long long)permission->role_id, granted_words[permission->type],
                                   permission->pattern);
    }
    struct stmt *s = stmt_get(store, "INSERT INTO mlflow_role_permissions (role_id, resource_type, resource_pattern, "
                                     "permission) VALUES (:role, :type, :pattern, :permission)");
    stmt_int(s, ":role", permission->role_id);
    stmt_text(s, ":type", granted_words[permission->type]);
    stmt_text(s, ":pattern", permission->pattern);
    stmt_int(s, ":permission", permission->permission);
    if (changed(store, stmt_run_one(s, "keeping a permission of a role", err)) < 0) {
        return -1;
    }
    *ret_id = stmt_last_id(store);
    return 0;
}

int store_mlflow_role_permission_get(struct store *store, int64_t id, struct arena *arena,
                                     struct mlflow_role_permission *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, PERMISSIONS "WHERE id = :id");
    stmt_int(s, ":id", id);
    int row = stmt_step(s, err);
    if (row == 1 && read_permission(s, arena, ret, err) < 0) {
        row = -1;
    }
    stmt_done(s);
    return row == 0 ? err_set(err, ERR_NOT_FOUND, "Role permission with id=%lld not found", (long long)id)
                    : row < 0 ? -1 : 0;
}

int store_mlflow_role_permission_list(struct store *store, int64_t role_id, struct arena *arena,
                                      struct mlflow_role_permission **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, PERMISSIONS "WHERE role_id = :role ORDER BY id");
    struct mlflow_role_permission *items = NULL;
    size_t count = 0;
    size_t room = 0;
    int row = 0;
    stmt_int(s, ":role", role_id);
    while ((row = stmt_step(s, err)) == 1) {
        items = arena_grow(arena, items, count, &room, sizeof *items);
        if (read_permission(s, arena, &items[count++], err) < 0) {
            row = -1;
            break;
        }
    }
    stmt_done(s);
    *ret = items;
    *ret_count = count;
    return row;
}

int store_mlflow_role_permission_change(struct store *store, int64_t id, enum permission permission, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE mlflow_role_permissions SET permission = :permission WHERE id = :id");
    stmt_int(s, ":permission", permission);
    stmt_int(s, ":id", id);
    return changed(store, stmt_run_one(s, "changing a permission of a role", err));
}

int store_mlflow_role_permission_remove(struct store *store, int64_t id, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM mlflow_role_permissions WHERE id = :id");
    stmt_int(s, ":id", id);
    return changed(store, stmt_run_one(s, "removing a permission of a role", err));
}

/* ---- who is in them --------------------------------------------------------------------------------------------- */

static int find_assignment(struct store *store, int64_t user_id, int64_t role_id, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT 1 FROM mlflow_role_users WHERE user_id = :user AND role_id = :role");
    stmt_int(s, ":user", user_id);
    stmt_int(s, ":role", role_id);
    int row = stmt_step(s, err);
    stmt_done(s);
    return row;
}

int store_mlflow_role_assign(struct store *store, int64_t user_id, int64_t role_id, int64_t *ret_id, struct err *err)
{
    int there = find_assignment(store, user_id, role_id, err);
    if (there != 0) {
        return there < 0 ? -1
                         : err_set(err, ERR_EXISTS,
                                   "User role assignment (user_id=%lld, role_id=%lld) already exists",
                                   (long long)user_id, (long long)role_id);
    }
    struct stmt *s = stmt_get(store, "INSERT INTO mlflow_role_users (user_id, role_id) VALUES (:user, :role)");
    stmt_int(s, ":user", user_id);
    stmt_int(s, ":role", role_id);
    if (changed(store, stmt_run_one(s, "putting somebody in a role", err)) < 0) {
        return -1;
    }
    *ret_id = stmt_last_id(store);
    return 0;
}

int store_mlflow_role_unassign(struct store *store, int64_t user_id, int64_t role_id, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM mlflow_role_users WHERE user_id = :user AND role_id = :role");
    stmt_int(s, ":user", user_id);
    stmt_int(s, ":role", role_id);
    int64_t gone = changed(store, (int)stmt_run(s, err));
    return gone == 0 ? err_set(err, ERR_NOT_FOUND, "User role assignment (user_id=%lld, role_id=%lld) not found",
                               (long long)user_id, (long long)role_id)
                     : gone < 0 ? -1 : 0;
}

static void read_role_user(struct stmt *s, struct arena *arena, void *item)
{
    (void)arena;
    *(struct mlflow_role_user *)item =
        (struct mlflow_role_user){stmt_column_int(s, 0), stmt_column_int(s, 1), stmt_column_int(s, 2)};
}

int store_mlflow_role_users(struct store *store, int64_t role_id, struct arena *arena, struct mlflow_role_user **ret,
                            size_t *ret_count, struct err *err)
{
    struct stmt *s =
        stmt_get(store, "SELECT id, user_id, role_id FROM mlflow_role_users WHERE role_id = :role ORDER BY id");
    stmt_int(s, ":role", role_id);
    return stmt_read_rows(s, read_role_user, sizeof **ret, arena, ret, ret_count, err);
}

/* 1 when there is a row, 0, -1. */
static int ask(struct stmt *s, int64_t user_id, const char *workspace, struct err *err)
{
    stmt_int(s, ":user", user_id);
    stmt_text(s, ":workspace", workspace);
    int row = stmt_step(s, err);
    stmt_done(s);
    return row;
}

int store_mlflow_role_is_there(struct store *store, int64_t user_id, const char *workspace, struct err *err)
{
    return ask(stmt_get(store, "SELECT 1 FROM mlflow_role_users AS u JOIN mlflow_roles AS r ON r.id = u.role_id "
                               "WHERE u.user_id = :user AND r.workspace = :workspace UNION ALL "
                               "SELECT 1 WHERE :workspace = '" MLFLOW_WORKSPACE "' AND ("
                               "EXISTS (SELECT 1 FROM experiment_permissions WHERE user_id = :user) OR "
                               "EXISTS (SELECT 1 FROM registered_model_permissions WHERE user_id = :user) OR "
                               "EXISTS (SELECT 1 FROM wildcard_permissions WHERE user_id = :user)) LIMIT 1"),
               user_id, workspace, err);
}

int store_mlflow_role_manages(struct store *store, int64_t user_id, const char *workspace, struct err *err)
{
    return ask(stmt_get(store, "SELECT 1 FROM mlflow_role_users AS u JOIN mlflow_roles AS r ON r.id = u.role_id "
                               "JOIN mlflow_role_permissions AS p ON p.role_id = r.id WHERE u.user_id = :user AND "
                               "r.workspace = :workspace AND p.resource_type = 'workspace' AND "
                               "p.resource_pattern = '*' AND p.permission = 4 LIMIT 1"), /* PERMISSION_MANAGE */
               user_id, workspace, err);
}
