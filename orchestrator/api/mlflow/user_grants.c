/* SPDX-License-Identifier: Apache-2.0
 * MLflow's routes of what users may do since 3.12: one set for objects of each type, and for all of a type ("*").
 */
#include "api/mlflow/entities.h"
#include "api/mlflow/role_rights.h"
#include "api/mlflow/routes.h"
#include "api/user_rights.h"
#include "auth/mlflow_role_changes.h"

/* What is asked for, of one user. */
struct grant_asked {
    enum granted_type type;
    const char *id;                  /* "*": each of the type */
    struct permission_object object; /* of one of them */
    struct user_row user;
};

static bool is_of_all(const struct grant_asked *asked)
{
    return strcmp(asked->id, "*") == 0;
}

static int read_object(struct api_call *call, struct grant_asked *ret, struct err *err)
{
    *ret = (struct grant_asked){.id = param_text(&call->params, "resource_id")};
    if (granted_parse(param_text(&call->params, "resource_type"), &ret->type, err) < 0) {
        return -1;
    }
    if (ret->type == GRANTED_WORKSPACE) {
        return err_set(err, ERR_INPUT,
                       "resource_type 'workspace' is not supported by the per-user permission convenience APIs. Use "
                       "set_workspace_permission / delete_workspace_permission for workspace-wide grants.");
    }
    if (is_of_all(ret)) {
        return 0;
    }
    ret->object.model = ret->type == GRANTED_EXPERIMENT ? NULL : ret->id;
    return ret->type == GRANTED_EXPERIMENT ? experiment_id_of(ret->id, &ret->object.experiment_id, err) : 0;
}

/* Who manages the object; of all of a type, who manages the workspace. */
static int check_rules(struct api_call *call, const struct grant_asked *asked, struct err *err)
{
    const struct permission_object *object = &asked->object;
    return is_of_all(asked) ? role_rights_manage(call, MLFLOW_WORKSPACE, err)
           : role_rights_account(call, err) < 0
               ? -1
           : object->model != NULL
               ? user_check_registered(call, object->model, PERMISSION_MANAGE, err)
               : user_check_experiment(call, object->experiment_id, PERMISSION_MANAGE, err);
}

static int read_asked(struct api_call *call, struct grant_asked *ret, struct err *err)
{
    return read_object(call, ret, err) < 0 || check_rules(call, ret, err) < 0
               ? -1
               : store_user_get(call->store, param_text(&call->params, "username"), call->arena, &ret->user, err);
}

static struct account_change change_of(const struct api_call *call)
{
    return (struct account_change){call->store, call->who->name, call->now_ms, call->arena};
}

static int refuse(const struct grant_asked *asked, enum err_code code, const char *words, struct err *err)
{
    return err_set(err, code, "Permission for user=%s on resource_type=%s, resource_id=%s %s.", asked->user.name,
                   granted_words[asked->type], asked->id, words);
}

static int grant_of_all(struct api_call *call, const struct grant_asked *asked, enum permission permission,
                        struct err *err)
{
    enum permission before = PERMISSION_NONE;
    const struct account_change change = change_of(call);
    int found = store_wildcard_find(call->store, asked->user.user_id, asked->type, &before, err);
    return found < 0    ? -1
           : found == 1 ? refuse(asked, ERR_EXISTS, "already exists", err)
                        : mlflow_wildcard_permit(&change, &asked->user, asked->type, permission, err);
}

static int grant(struct api_call *call, struct err *err)
{
    struct grant_asked asked;
    enum permission permission = PERMISSION_NONE;
    enum permission before = PERMISSION_NONE;
    if (read_asked(call, &asked, err) < 0 ||
        permission_parse(param_text(&call->params, "permission"), &permission, err) < 0 ||
        mlflow_role_check(asked.type, permission, err) < 0) {
        return -1;
    }
    if (is_of_all(&asked)) {
        return grant_of_all(call, &asked, permission, err);
    }
    const struct account_change change = change_of(call);
    int found = store_permission_find(call->store, asked.user.user_id, &asked.object, &before, err);
    if (found != 0) {
        return found < 0 ? -1 : refuse(&asked, ERR_EXISTS, "already exists", err);
    }
    return user_require_object(call, &asked.object, err) < 0
               ? -1
               : account_permit(&change, &asked.user, &asked.object, permission, err);
}

static int revoke(struct api_call *call, struct err *err)
{
    struct grant_asked asked;
    if (read_asked(call, &asked, err) < 0) {
        return -1;
    }
    const struct account_change change = change_of(call);
    int found = is_of_all(&asked) ? mlflow_wildcard_forbid(&change, &asked.user, asked.type, err)
                                  : account_forbid(&change, &asked.user, &asked.object, err);
    return found == 0 ? refuse(&asked, ERR_NOT_FOUND, "not found", err) : found < 0 ? -1 : 0;
}

/* He himself, an admin, and who manages the workspace, which is where all objects are. */
static int check_look(struct api_call *call, struct err *err)
{
    const char *name = param_text(&call->params, "username");
    if (role_rights_account(call, err) < 0) {
        return -1;
    }
    return call->who->is_admin || strcmp(call->who->name, name) == 0 ? 0
                                                                     : role_rights_manage(call, MLFLOW_WORKSPACE, err);
}

/* What he may do, whether it is said of this object, of all, or by default. */
static int effective(struct api_call *call, struct err *err)
{
    struct auth_who who;
    struct user_row user;
    struct grant_asked asked;
    enum permission permission = PERMISSION_NONE;
    if (read_object(call, &asked, err) < 0 || check_look(call, err) < 0 ||
        store_user_get(call->store, param_text(&call->params, "username"), call->arena, &user, err) < 0) {
        return -1;
    }
    if (!auth_find(call->auth, str_from(user.name), call->arena, &who)) {
        return err_set(err, ERR_NOT_FOUND, "User with username=%s not found", user.name);
    }
    if ((is_of_all(&asked) ? auth_permission_of_all(call->auth, &who, asked.type, &permission, err)
                           : auth_permission(call->auth, &who, &asked.object, &permission, err)) < 0) {
        return -1;
    }
    put(call, &call->answer, "allowed", json_bool(permission >= PERMISSION_USE));
    put_text(call, &call->answer, "permission", permission_word(permission));
    return 0;
}

#define TEXT(field)                                                                                                    \
    {                                                                                                                  \
        .name = field, .type = API_TEXT, .required = true                                                              \
    }

static const struct api_field resource_fields[] = {
    TEXT("username"), TEXT("resource_type"), TEXT("resource_id"), {0}};
static const struct api_field grant_fields[] = {
    TEXT("username"), TEXT("resource_type"), TEXT("resource_id"), TEXT("permission"), {0}};

const struct api_route mlflow_user_grant_routes[] = {
    {HTTP_POST, "/mlflow/users/permissions/grant", API_V3, API_WRITES, API_NEEDS(EDITOR, MANAGE, ITSELF), grant_fields,
     grant, API_NOTED_INSIDE},
    {HTTP_POST, "/mlflow/users/permissions/revoke", API_V3, API_WRITES, API_NEEDS(EDITOR, MANAGE, ITSELF),
     resource_fields, revoke, API_NOTED_INSIDE},
    {HTTP_GET, "/mlflow/users/permissions/get", API_V3, API_READS, API_NEEDS(VIEWER, READ, ITSELF), resource_fields,
     effective, API_LOOKS},
    {0},
};
