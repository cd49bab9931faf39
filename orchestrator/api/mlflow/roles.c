/* SPDX-License-Identifier: Apache-2.0
 * MLflow's routes of roles, as its AuthServiceClient asks them since 3.12.
 */
#include "api/mlflow/role_json.h"
#include "api/mlflow/role_rights.h"
#include "api/mlflow/routes.h"
#include "auth/mlflow_role_changes.h"

enum { WORKSPACES_MAX = 100 };

static struct account_change change_of(const struct api_call *call)
{
    return (struct account_change){call->store, call->who->name, call->now_ms, call->arena};
}

static void set(struct api_call *call, struct json *object, const char *name, struct json value)
{
    json_set(call->arena, object, name, value);
}

/* ---- what is told of them --------------------------------------------------------------------------------------- */

static struct json said_json(struct api_call *call, const struct mlflow_role_permission *said)
{
    struct json one = json_object();
    set(call, &one, "id", json_int(said->id));
    set(call, &one, "role_id", json_int(said->role_id));
    set(call, &one, "resource_type", json_cstring(call->arena, granted_words[said->type]));
    set(call, &one, "resource_pattern", json_cstring(call->arena, said->pattern));
    set(call, &one, "permission", json_cstring(call->arena, permission_word(said->permission)));
    return one;
}

static int all_said_json(struct api_call *call, int64_t role_id, struct json *ret, struct err *err)
{
    struct mlflow_role_permission *said = NULL;
    size_t count = 0;
    *ret = json_array();
    if (store_mlflow_role_permission_list(call->store, role_id, call->arena, &said, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        json_push(call->arena, ret, said_json(call, &said[i]));
    }
    return 0;
}

int role_json(struct api_call *call, const struct mlflow_role *role, struct json *ret, struct err *err)
{
    struct json said;
    if (all_said_json(call, role->id, &said, err) < 0) {
        return -1;
    }
    *ret = json_object();
    set(call, ret, "id", json_int(role->id));
    set(call, ret, "name", json_cstring(call->arena, role->name));
    set(call, ret, "workspace", json_cstring(call->arena, role->workspace));
    set(call, ret, "description",
        role->description == NULL ? json_null() : json_cstring(call->arena, role->description));
    set(call, ret, "permissions", said);
    return 0;
}

static int push_roles(struct api_call *call, const struct mlflow_role *roles, size_t count, struct json *list,
                      struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct json one;
        if (role_json(call, &roles[i], &one, err) < 0) {
            return -1;
        }
        json_push(call->arena, list, one);
    }
    return 0;
}

int role_json_of_user(struct api_call *call, int64_t user_id, int64_t only_of, struct json *ret, struct err *err)
{
    struct mlflow_role *roles = NULL;
    size_t count = 0;
    *ret = json_array();
    if (store_mlflow_role_list_of(call->store, user_id, call->arena, &roles, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        int seen = only_of == 0 ? 1 : store_mlflow_role_manages(call->store, only_of, roles[i].workspace, err);
        if (seen < 0 || (seen == 1 && push_roles(call, &roles[i], 1, ret, err) < 0)) {
            return -1;
        }
    }
    return 0;
}

static int answer_with_role(struct api_call *call, int64_t role_id, struct err *err)
{
    struct mlflow_role role;
    struct json object;
    if (store_mlflow_role_get(call->store, role_id, call->arena, &role, err) < 0 ||
        role_json(call, &role, &object, err) < 0) {
        return -1;
    }
    set(call, &call->answer, "role", object);
    return 0;
}

static int answer_with_said(struct api_call *call, int64_t permission_id, struct err *err)
{
    struct mlflow_role_permission said;
    if (store_mlflow_role_permission_get(call->store, permission_id, call->arena, &said, err) < 0) {
        return -1;
    }
    set(call, &call->answer, "role_permission", said_json(call, &said));
    return 0;
}

/* ---- which one -------------------------------------------------------------------------------------------------- */

static int64_t id_of(const struct api_call *call, const char *field)
{
    return json_get_int(&call->params, field, 0);
}

/* The workspace of what is asked for, NULL when there is no such role. */
static int find_workspace(struct api_call *call, int64_t role_id, const char **ret, struct err *err)
{
    struct mlflow_role role;
    struct err none = {0};
    if (store_mlflow_role_get(call->store, role_id, call->arena, &role, &none) < 0) {
        *ret = NULL;
        return none.code == ERR_NOT_FOUND ? 0 : err_pass(err, &none);
    }
    *ret = role.workspace;
    return 0;
}

static int check_role(struct api_call *call, int (*check)(struct api_call *, const char *, struct err *),
                      struct err *err)
{
    const char *workspace = NULL;
    return find_workspace(call, id_of(call, "role_id"), &workspace, err) < 0 ? -1 : check(call, workspace, err);
}

static int check_said(struct api_call *call, struct err *err)
{
    struct mlflow_role_permission said;
    struct err none = {0};
    const char *workspace = NULL;
    if (store_mlflow_role_permission_get(call->store, id_of(call, "role_permission_id"), call->arena, &said, &none) <
        0) {
        return none.code == ERR_NOT_FOUND ? role_rights_manage(call, NULL, err)
                                          : err_pass(err, &none);
    }
    return find_workspace(call, said.role_id, &workspace, err) < 0 ? -1 : role_rights_manage(call, workspace, err);
}

static bool is_blank(const char *text)
{
    return str_trim(str_from(text)).n == 0;
}

/* ---- roles ------------------------------------------------------------------------------------------------------ */

static int create(struct api_call *call, struct err *err)
{
    int64_t id = 0;
    const struct mlflow_role role = {
        .workspace = json_get_text(&call->params, "workspace", NULL),
        .name = json_get_text(&call->params, "name", NULL),
        .description = json_get_text(&call->params, "description", NULL),
    };
    const char *missing = role.name == NULL ? "name" : role.workspace == NULL ? "workspace" : NULL;
    if (missing != NULL) {
        return params_missing(missing, err);
    }
    if (role_rights_manage(call, role.workspace, err) < 0) {
        return -1;
    }
    if (is_blank(role.name) || is_blank(role.workspace)) {
        return err_set(err, ERR_INPUT, "%s cannot be empty.", is_blank(role.name) ? "Role name" : "Workspace");
    }
    const struct account_change change = change_of(call);
    return mlflow_role_create(&change, &role, &id, err) < 0 ? -1 : answer_with_role(call, id, err);
}

static int get(struct api_call *call, struct err *err)
{
    return check_role(call, role_rights_look, err) < 0 ? -1 : answer_with_role(call, id_of(call, "role_id"), err);
}

/* All of them are for admins to see. */
static int list(struct api_call *call, struct err *err)
{
    size_t count = 0;
    size_t found = 0;
    struct mlflow_role *roles = NULL;
    struct json items = json_array();
    const char **workspaces = param_texts(&call->params, "workspace", call->arena, &count);
    if (count == 0 && role_rights_manage(call, NULL, err) < 0) {
        return -1;
    }
    if (count > WORKSPACES_MAX) {
        return err_set(err, ERR_LIMIT, "at most %d workspaces can be asked for at once", WORKSPACES_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        if (role_rights_look(call, workspaces[i], err) < 0) {
            return -1;
        }
        if (is_blank(workspaces[i])) {
            return err_set(err, ERR_INPUT, "Parameter 'workspace' must be a non-empty string when provided.");
        }
    }
    for (size_t i = 0; i < (count == 0 ? 1 : count); i++) {
        const char *workspace = count == 0 ? NULL : workspaces[i];
        bool is_again = false;
        for (size_t k = 0; k < i; k++) {
            is_again = is_again || strcmp(workspaces[k], workspaces[i]) == 0;
        }
        if (!is_again && (store_mlflow_role_list(call->store, workspace, call->arena, &roles, &found, err) < 0 ||
                          push_roles(call, roles, found, &items, err) < 0)) {
            return -1;
        }
    }
    set(call, &call->answer, "roles", items);
    return 0;
}

static int update(struct api_call *call, struct err *err)
{
    const char *name = json_get_text(&call->params, "name", NULL);
    const char *description = json_get_text(&call->params, "description", NULL);
    if (check_role(call, role_rights_manage, err) < 0) {
        return -1;
    }
    if (name == NULL && description == NULL) {
        return err_set(err, ERR_INPUT,
                       "At least one of 'name' or 'description' must be provided to update a role.");
    }
    const struct account_change change = change_of(call);
    return mlflow_role_update(&change, id_of(call, "role_id"), name, description, err) < 0
               ? -1
               : answer_with_role(call, id_of(call, "role_id"), err);
}

static int delete_one(struct api_call *call, struct err *err)
{
    if (check_role(call, role_rights_manage, err) < 0) {
        return -1;
    }
    const struct account_change change = change_of(call);
    return mlflow_role_delete(&change, id_of(call, "role_id"), err);
}

/* ---- what they say ---------------------------------------------------------------------------------------------- */

static int add_said(struct api_call *call, struct err *err)
{
    int64_t id = 0;
    struct mlflow_role_permission said = {
        .role_id = id_of(call, "role_id"),
        .pattern = param_text(&call->params, "resource_pattern"),
    };
    if (check_role(call, role_rights_manage, err) < 0 ||
        permission_parse(param_text(&call->params, "permission"), &said.permission, err) < 0 ||
        granted_parse(param_text(&call->params, "resource_type"), &said.type, err) < 0) {
        return -1;
    }
    const struct account_change change = change_of(call);
    return mlflow_role_say(&change, &said, &id, err) < 0 ? -1 : answer_with_said(call, id, err);
}

static int remove_said(struct api_call *call, struct err *err)
{
    if (check_said(call, err) < 0) {
        return -1;
    }
    const struct account_change change = change_of(call);
    return mlflow_role_unsay(&change, id_of(call, "role_permission_id"), err);
}

static int list_said(struct api_call *call, struct err *err)
{
    struct json items;
    struct mlflow_role role;
    int64_t role_id = id_of(call, "role_id");
    if (check_role(call, role_rights_look, err) < 0 ||
        store_mlflow_role_get(call->store, role_id, call->arena, &role, err) < 0 ||
        all_said_json(call, role_id, &items, err) < 0) {
        return -1;
    }
    set(call, &call->answer, "role_permissions", items);
    return 0;
}

static int update_said(struct api_call *call, struct err *err)
{
    int64_t id = id_of(call, "role_permission_id");
    enum permission permission = PERMISSION_NONE;
    struct mlflow_role_permission said;
    if (check_said(call, err) < 0 || store_mlflow_role_permission_get(call->store, id, call->arena, &said, err) < 0 ||
        permission_parse(param_text(&call->params, "permission"), &permission, err) < 0) {
        return -1;
    }
    const struct account_change change = change_of(call);
    return mlflow_role_say_anew(&change, id, permission, err) < 0 ? -1 : answer_with_said(call, id, err);
}

/* ---- who is in them --------------------------------------------------------------------------------------------- */

static struct json assignment_json(struct api_call *call, const struct mlflow_role_user *user)
{
    struct json one = json_object();
    set(call, &one, "id", json_int(user->id));
    set(call, &one, "user_id", json_int(user->user_id));
    set(call, &one, "role_id", json_int(user->role_id));
    return one;
}

static int read_user(struct api_call *call, struct user_row *ret, struct err *err)
{
    return store_user_get(call->store, param_text(&call->params, "username"), call->arena, ret, err);
}

static int assign(struct api_call *call, struct err *err)
{
    struct user_row user;
    struct mlflow_role_user made = {.role_id = id_of(call, "role_id")};
    if (check_role(call, role_rights_manage, err) < 0 || read_user(call, &user, err) < 0) {
        return -1;
    }
    const struct account_change change = change_of(call);
    made.user_id = user.user_id;
    if (mlflow_role_assign(&change, &user, made.role_id, &made.id, err) < 0) {
        return -1;
    }
    set(call, &call->answer, "assignment", assignment_json(call, &made));
    return 0;
}

static int unassign(struct api_call *call, struct err *err)
{
    struct user_row user;
    if (check_role(call, role_rights_manage, err) < 0 || read_user(call, &user, err) < 0) {
        return -1;
    }
    const struct account_change change = change_of(call);
    return mlflow_role_unassign(&change, &user, id_of(call, "role_id"), err);
}

static int list_users(struct api_call *call, struct err *err)
{
    struct mlflow_role role;
    struct mlflow_role_user *users = NULL;
    size_t count = 0;
    struct json items = json_array();
    int64_t role_id = id_of(call, "role_id");
    if (check_role(call, role_rights_manage, err) < 0 ||
        store_mlflow_role_get(call->store, role_id, call->arena, &role, err) < 0 ||
        store_mlflow_role_users(call->store, role_id, call->arena, &users, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        json_push(call->arena, &items, assignment_json(call, &users[i]));
    }
    set(call, &call->answer, "assignments", items);
    return 0;
}

/* To whom things are said of objects of the workspace, he belongs there without a role. */
static int check_neighbour(struct api_call *call, int64_t user_id, struct err *err)
{
    int is_there = store_mlflow_role_is_there(call->store, user_id, MLFLOW_WORKSPACE, err);
    return is_there < 0 ? -1 : role_rights_manage(call, is_there == 1 ? MLFLOW_WORKSPACE : NULL, err);
}

/* His own, all of an admin; others' as far as he manages their workspaces, and there are some. */
static int list_of_user(struct api_call *call, struct err *err)
{
    struct user_row user;
    struct json items;
    struct err none = {0};
    if (role_rights_account(call, err) < 0) {
        return -1;
    }
    bool all = call->who->is_admin || strcmp(call->who->name, param_text(&call->params, "username")) == 0;
    int found = read_user(call, &user, all ? err : &none);
    if (found < 0) { /* who there is is not for others to learn */
        return all ? -1 : role_rights_manage(call, NULL, err);
    }
    if (role_json_of_user(call, user.user_id, all ? 0 : call->who->user_id, &items, err) < 0) {
        return -1;
    }
    if (!all && items.u.array.count == 0 && check_neighbour(call, user.user_id, err) < 0) {
        return -1;
    }
    set(call, &call->answer, "roles", items);
    return 0;
}

#define FIELD(field, of)                                                                                               \
    {                                                                                                                  \
        .name = field, .type = of, .required = true                                                                    \
    }
#define OPTIONAL(field, of)                                                                                            \
    {                                                                                                                  \
        .name = field, .type = of                                                                                      \
    }

static const struct api_field role_fields[] = {
    OPTIONAL("name", API_TEXT), OPTIONAL("workspace", API_TEXT), OPTIONAL("description", API_TEXT), {0}};
static const struct api_field list_fields[] = {OPTIONAL("workspace", API_TEXTS), {0}};
static const struct api_field id_fields[] = {FIELD("role_id", API_INT), {0}};
static const struct api_field update_fields[] = {
    FIELD("role_id", API_INT), OPTIONAL("name", API_TEXT), OPTIONAL("description", API_TEXT), {0}};
static const struct api_field say_fields[] = {FIELD("role_id", API_INT), FIELD("resource_type", API_TEXT),
                                              FIELD("resource_pattern", API_TEXT), FIELD("permission", API_TEXT), {0}};
static const struct api_field said_fields[] = {FIELD("role_permission_id", API_INT), {0}};
static const struct api_field say_anew_fields[] = {
    FIELD("role_permission_id", API_INT), FIELD("permission", API_TEXT), {0}};
static const struct api_field assign_fields[] = {FIELD("username", API_TEXT), FIELD("role_id", API_INT), {0}};
static const struct api_field user_fields[] = {FIELD("username", API_TEXT), {0}};

const struct api_route mlflow_role_routes[] = {
    {HTTP_POST, "/mlflow/roles/create", API_V3, API_WRITES, API_NEEDS(EDITOR, MANAGE, ITSELF), role_fields, create,
     API_NOTED_INSIDE},
    {HTTP_GET, "/mlflow/roles/get", API_V3, API_READS, API_NEEDS(VIEWER, READ, ITSELF), id_fields, get, API_LOOKS},
    {HTTP_GET, "/mlflow/roles/list", API_V3, API_READS, API_NEEDS(VIEWER, READ, ITSELF), list_fields, list, API_LOOKS},
    {HTTP_PATCH, "/mlflow/roles/update", API_V3, API_WRITES, API_NEEDS(EDITOR, MANAGE, ITSELF), update_fields, update,
     API_NOTED_INSIDE},
    {HTTP_DELETE, "/mlflow/roles/delete", API_V3, API_WRITES, API_NEEDS(EDITOR, MANAGE, ITSELF), id_fields, delete_one,
     API_NOTED_INSIDE},
    {HTTP_POST, "/mlflow/roles/permissions/add", API_V3, API_WRITES, API_NEEDS(EDITOR, MANAGE, ITSELF), say_fields,
     add_said, API_NOTED_INSIDE},
    {HTTP_DELETE, "/mlflow/roles/permissions/remove", API_V3, API_WRITES, API_NEEDS(EDITOR, MANAGE, ITSELF),
     said_fields, remove_said, API_NOTED_INSIDE},
    {HTTP_GET, "/mlflow/roles/permissions/list", API_V3, API_READS, API_NEEDS(VIEWER, READ, ITSELF), id_fields,
     list_said, API_LOOKS},
    {HTTP_PATCH, "/mlflow/roles/permissions/update", API_V3, API_WRITES, API_NEEDS(EDITOR, MANAGE, ITSELF),
     say_anew_fields, update_said, API_NOTED_INSIDE},
    {HTTP_POST, "/mlflow/roles/assign", API_V3, API_WRITES, API_NEEDS(EDITOR, MANAGE, ITSELF), assign_fields, assign,
     API_NOTED_INSIDE},
    {HTTP_DELETE, "/mlflow/roles/unassign", API_V3, API_WRITES, API_NEEDS(EDITOR, MANAGE, ITSELF), assign_fields,
     unassign, API_NOTED_INSIDE},
    {HTTP_GET, "/mlflow/roles/users/list", API_V3, API_READS, API_NEEDS(VIEWER, READ, ITSELF), id_fields, list_users,
     API_LOOKS},
    {HTTP_GET, "/mlflow/users/roles/list", API_V3, API_READS, API_NEEDS(VIEWER, READ, ITSELF), user_fields,
     list_of_user, API_LOOKS},
    {0},
};
