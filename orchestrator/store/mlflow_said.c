/* SPDX-License-Identifier: Apache-2.0
 * What MLflow's roles say to a user, and what is said to him of all objects of a type.
 */
#include "base/parse.h"
#include "store/mlflow_roles.h"
#include "store/registry_internal.h"
#include "store/stmt.h"
#include "store/store_internal.h"

#include <stdio.h>
#include <stdlib.h>

_Static_assert(PERMISSION_MANAGE == 4, "SQL has the number");

/* ---- of all objects of a type ----------------------------------------------------------------------------------- */

static struct stmt *of_wildcard(struct stmt *s, int64_t user_id, enum granted_type type)
{
    stmt_int(s, ":user", user_id);
    stmt_text(s, ":type", granted_words[type]);
    return s;
}

int store_wildcard_find(struct store *store, int64_t user_id, enum granted_type type, enum permission *ret,
                        struct err *err)
{
    struct stmt *s = of_wildcard(stmt_get(store, "SELECT permission FROM wildcard_permissions WHERE user_id = :user "
                                                 "AND resource_type = :type"),
                                 user_id, type);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = (enum permission)stmt_column_int(s, 0);
    }
    stmt_done(s);
    return row;
}

int store_wildcard_put(struct store *store, int64_t user_id, enum granted_type type, enum permission permission,
                       struct err *err)
{
    struct stmt *s = of_wildcard(stmt_get(store, "INSERT INTO wildcard_permissions (user_id, resource_type, "
                                                 "permission) VALUES (:user, :type, :permission)"),
                                 user_id, type);
    stmt_int(s, ":permission", permission);
    store_changes_note(&store->permissions);
    return stmt_run_one(s, "keeping a permission", err);
}

int store_wildcard_remove(struct store *store, int64_t user_id, enum granted_type type, struct err *err)
{
    struct stmt *s = of_wildcard(stmt_get(store, "DELETE FROM wildcard_permissions WHERE user_id = :user AND "
                                                 "resource_type = :type"),
                                 user_id, type);
    store_changes_note(&store->permissions);
    return (int)stmt_run(s, err);
}

/* ---- of one object ---------------------------------------------------------------------------------------------- */

#define ROWS_OF_ROLES                                                                                                  \
    "FROM mlflow_role_users AS u JOIN mlflow_roles AS r ON r.id = u.role_id "                                          \
    "JOIN mlflow_role_permissions AS p ON p.role_id = r.id "                                                           \
    "WHERE u.user_id = :user AND r.workspace = '" MLFLOW_WORKSPACE "' "

static int type_of(struct store *store, const struct permission_object *object, enum granted_type *ret,
                   struct err *err)
{
    *ret = GRANTED_EXPERIMENT;
    if (object->model == NULL) {
        return 0;
    }
    struct stmt *s = stmt_get(store, "SELECT 1 FROM registered_model_tags WHERE name = :name AND "
                                     "key = '" PROMPT_TAG "' AND lower(value) = 'true'");
    stmt_text(s, ":name", object->model);
    int row = stmt_step(s, err);
    stmt_done(s);
    *ret = row == 1 ? GRANTED_PROMPT : GRANTED_REGISTERED_MODEL;
    return row < 0 ? -1 : 0;
}

/* Of the object of that pattern, and of each. */
static int say(struct store *store, int64_t user_id, enum granted_type type, const char *pattern,
               struct permission_said *said, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT p.permission " ROWS_OF_ROLES "AND p.resource_type = :type "
                                     "AND p.resource_pattern IN ('*', :object) UNION ALL "
                                     "SELECT permission FROM wildcard_permissions WHERE user_id = :user "
                                     "AND resource_type = :type");
    int row = 0;
    stmt_int(s, ":user", user_id);
    stmt_text(s, ":type", granted_words[type]);
    stmt_text(s, ":object", pattern);
    while ((row = stmt_step(s, err)) == 1) {
        permission_say(said, type, (enum permission)stmt_column_int(s, 0));
    }
    stmt_done(s);
    return row;
}

int store_mlflow_roles_say(struct store *store, int64_t user_id, const struct permission_object *object,
                           struct permission_said *said, struct err *err)
{
    char id[32];
    enum granted_type type = GRANTED_EXPERIMENT;
    bool any = false;
    if (store_mlflow_roles_count(store, user_id, &any, &said->manages_all, err) < 0) {
        return -1;
    }
    if (!any || said->manages_all) {
        return 0;
    }
    (void)snprintf(id, sizeof id, "%lld", (long long)object->experiment_id);
    return type_of(store, object, &type, err) < 0
               ? -1
               : say(store, user_id, type, object->model != NULL ? object->model : id, said, err);
}

int store_mlflow_roles_say_of_all(struct store *store, int64_t user_id, enum granted_type type,
                                  struct permission_said *said, struct err *err)
{
    bool any = false;
    return store_mlflow_roles_count(store, user_id, &any, &said->manages_all, err) < 0
               ? -1
               : say(store, user_id, type, "*", said, err);
}

int store_mlflow_roles_count(struct store *store, int64_t user_id, bool *ret_any, bool *ret_manages_all,
                             struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT EXISTS (SELECT 1 FROM mlflow_role_users WHERE user_id = :user), "
                                     "EXISTS (SELECT 1 FROM wildcard_permissions WHERE user_id = :user)");
    stmt_int(s, ":user", user_id);
    int row = stmt_step(s, err);
    bool has_roles = row == 1 && stmt_column_int(s, 0) == 1;
    *ret_any = has_roles || (row == 1 && stmt_column_int(s, 1) == 1);
    stmt_done(s);
    int manages = row == 1 && has_roles ? store_mlflow_role_manages(store, user_id, MLFLOW_WORKSPACE, err) : 0;
    *ret_manages_all = manages == 1;
    return row < 0 || manages < 0 ? -1 : 0;
}

/* ---- of all experiments ----------------------------------------------------------------------------------------- */

/* As the id is written: "007" is the id of none. */
static bool read_id(struct str pattern, int64_t *ret)
{
    char id[32];
    if (parse_int(pattern, 0, INT64_MAX, ret, NULL) < 0) {
        return false;
    }
    (void)snprintf(id, sizeof id, "%lld", (long long)*ret);
    return str_is(pattern, id);
}

static int compare_rows(const void *left, const void *right)
{
    int64_t a = ((const struct permission_row *)left)->object.experiment_id;
    int64_t b = ((const struct permission_row *)right)->object.experiment_id;
    return (a > b) - (a < b);
}

int store_mlflow_roles_said(struct store *store, int64_t user_id, struct arena *arena, struct mlflow_said *ret,
                            struct err *err)
{
    static const char question[] = "SELECT p.resource_type = 'workspace', p.resource_pattern, "
                                   "p.permission " ROWS_OF_ROLES
                                   "AND p.resource_type IN ('workspace', 'experiment') UNION ALL "
                                   "SELECT 0, '*', permission FROM wildcard_permissions "
                                   "WHERE user_id = :user AND resource_type = 'experiment'";
    struct stmt *s = stmt_get(store, question);
    size_t room = 0;
    int row = 0;
    *ret = (struct mlflow_said){0};
    stmt_int(s, ":user", user_id);
    while ((row = stmt_step(s, err)) == 1) {
        struct permission_row one = {.permission = (enum permission)stmt_column_int(s, 2)};
        struct str pattern = stmt_column_view(s, 1);
        if (str_is(pattern, "*")) {
            permission_say(&ret->of_each, stmt_column_int(s, 0) == 1 ? GRANTED_WORKSPACE : GRANTED_EXPERIMENT,
                           one.permission);
        } else if (read_id(pattern, &one.object.experiment_id)) {
            ret->rows = arena_grow(arena, ret->rows, ret->count, &room, sizeof *ret->rows);
            ret->rows[ret->count++] = one;
        }
    }
    stmt_done(s);
    if (ret->count > 0) {
        qsort(ret->rows, ret->count, sizeof *ret->rows, compare_rows);
    }
    return row;
}
