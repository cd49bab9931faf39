/* SPDX-License-Identifier: Apache-2.0
 * MLflow's routes of what users may do: those of its AuthServiceClient before 3.12, one set for experiments and one for
 * registered models, and the newer ones for both. Who manages an object says what others may do with it.
 */
#include "api/mlflow/entities.h"
#include "api/mlflow/permission_json.h"
#include "api/mlflow/routes.h"
#include "api/user_rights.h"
#include "auth/account.h"

struct json permission_json(struct api_call *call, int64_t user_id, const struct permission_object *object,
                            enum permission permission)
{
    struct json one = json_object();
    if (object->model != NULL) {
        put_text(call, &one, "name", object->model);
    } else {
        put_text(call, &one, "experiment_id", arena_printf(call->arena, "%lld", (long long)object->experiment_id));
    }
    put_int(call, &one, "user_id", user_id);
    put_text(call, &one, "permission", permission_words[permission]);
    return one;
}

/* ---- what is asked for ------------------------------------------------------------------------------------------ */

/* One user's permission on one object. */
struct grant_asked {
    struct permission_object object;
    struct user_row user;
};

static int read_kind(struct api_call *call, struct permission_object *ret, struct err *err)
{
    const char *kind = param_text(&call->params, "resource_type");
    const char *id = param_text(&call->params, "resource_id");
    if (strcmp(kind, "registered_model") == 0 || strcmp(kind, "prompt") == 0) {
        ret->model = id;
        return 0;
    }
    return strcmp(kind, "experiment") == 0
               ? experiment_id_of(id, &ret->experiment_id, err)
               : err_set(err, ERR_INPUT,
                         "Unsupported resource_type '%s': expected experiment, registered_model or prompt", kind);
}

static int read_object(struct api_call *call, struct permission_object *ret, struct err *err)
{
    *ret = (struct permission_object){0};
    if (json_get(&call->params, "resource_type") != NULL) {
        return read_kind(call, ret, err);
    }
    ret->model = json_get_text(&call->params, "name", NULL);
    return ret->model != NULL ? 0
                              : experiment_id_of(param_text(&call->params, "experiment_id"), &ret->experiment_id, err);
}

static int check_rules(struct api_call *call, const struct permission_object *object, struct err *err)
{
    if (call->who == NULL) {
        return err_set(err, ERR_NOT_FOUND,
                       "the home has no users: 'sluice users create NAME --admin' makes the first");
    }
    if (user_check_account(call, err) < 0) {
        return -1;
    }
    return object->model != NULL ? user_check_registered(call, object->model, PERMISSION_MANAGE, err)
                                 : user_check_experiment(call, object->experiment_id, PERMISSION_MANAGE, err);
}

static int read_asked(struct api_call *call, struct grant_asked *ret, struct err *err)
{
    return read_object(call, &ret->object, err) < 0 || check_rules(call, &ret->object, err) < 0
               ? -1
               : store_user_get(call->store, param_text(&call->params, "username"), call->arena, &ret->user, err);
}

static const char *words_of(struct api_call *call, const struct grant_asked *asked, const char *before,
                            const char *between)
{
    const struct permission_object *object = &asked->object;
    const char *id = object->model != NULL ? object->model
                                           : arena_printf(call->arena, "%lld", (long long)object->experiment_id);
    return arena_printf(call->arena, "%s permission %s%s=%s%susername=%s",
                        object->model != NULL ? "Registered model" : "Experiment", before,
                        object->model != NULL ? "name" : "experiment_id", id, between, asked->user.name);
}

static int not_found(struct api_call *call, const struct grant_asked *asked, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "%s not found", words_of(call, asked, "with ", " and "));
}

/* The object must be there for something to be said of it. */
static int require_object(struct api_call *call, const struct permission_object *object, struct err *err)
{
    struct experiment experiment;
    struct registered_model model;
    return object->model != NULL ? store_registry_get(call->store, object->model, call->arena, &model, err)
                                 : store_experiment_get(call->store, object->experiment_id, call->arena, &experiment,
                                                        err);
}

/* "DENY" is how MLflow's newer clients say that somebody may do nothing with an object, whatever the rule is. */
static int read_permission(struct api_call *call, enum permission *ret, struct err *err)
{
    const char *word = param_text(&call->params, "permission");
    return permission_parse(strcmp(word, "DENY") == 0 ? permission_words[PERMISSION_NONE] : word, ret, err);
}

static int permit(struct api_call *call, const struct grant_asked *asked, struct err *err)
{
    const struct account_change change = {call->store, call->who->name, call->now_ms, call->arena};
    enum permission permission = PERMISSION_NONE;
    return read_permission(call, &permission, err) < 0 ||
                   require_object(call, &asked->object, err) < 0
               ? -1
               : account_permit(&change, &asked->user, &asked->object, permission, err);
}

/* ---- the routes ------------------------------------------------------------------------------------------------- */

static int answer_with(struct api_call *call, const struct grant_asked *asked, struct err *err)
{
    enum permission permission = PERMISSION_NONE;
    int found = store_permission_find(call->store, asked->user.user_id, &asked->object, &permission, err);
    if (found != 1) {
        return found < 0 ? -1 : not_found(call, asked, err);
    }
    put(call, &call->answer, asked->object.model != NULL ? "registered_model_permission" : "experiment_permission",
        permission_json(call, asked->user.user_id, &asked->object, permission));
    return 0;
}

static int create(struct api_call *call, struct err *err)
{
    struct grant_asked asked;
    enum permission before = PERMISSION_NONE;
    if (read_asked(call, &asked, err) < 0) {
        return -1;
    }
    int found = store_permission_find(call->store, asked.user.user_id, &asked.object, &before, err);
    if (found != 0) {
        return found < 0 ? -1
                         : err_set(err, ERR_EXISTS, "%s) already exists.", words_of(call, &asked, "(", ", "));
    }
    return permit(call, &asked, err) < 0 ? -1 : answer_with(call, &asked, err);
}

static int get(struct api_call *call, struct err *err)
{
    struct grant_asked asked;
    return read_asked(call, &asked, err) < 0 ? -1 : answer_with(call, &asked, err);
}

static int update(struct api_call *call, struct err *err)
{
    struct grant_asked asked;
    enum permission before = PERMISSION_NONE;
    if (read_asked(call, &asked, err) < 0) {
        return -1;
    }
    int found = store_permission_find(call->store, asked.user.user_id, &asked.object, &before, err);
    return found < 0 ? -1 : found == 0 ? not_found(call, &asked, err) : permit(call, &asked, err);
}

static int delete_one(struct api_call *call, struct err *err)
{
    struct grant_asked asked;
    if (read_asked(call, &asked, err) < 0) {
        return -1;
    }
    const struct account_change change = {call->store, call->who->name, call->now_ms, call->arena};
    int found = account_forbid(&change, &asked.user, &asked.object, err);
    return found < 0 ? -1 : found == 0 ? not_found(call, &asked, err) : 0;
}

static int grant(struct api_call *call, struct err *err)
{
    struct grant_asked asked;
    return read_asked(call, &asked, err) < 0 ? -1 : permit(call, &asked, err);
}

/* What he may do, whether it is said of this object or by default. */
static int effective(struct api_call *call, struct err *err)
{
    struct user_row user;
    struct permission_object object;
    enum permission permission = PERMISSION_NONE;
    if (read_object(call, &object, err) < 0 ||
        store_user_get(call->store, param_text(&call->params, "username"), call->arena, &user, err) < 0) {
        return -1;
    }
    enum role role = auth_role_of(call->auth, &user);
    const struct auth_who who = {
        .user_id = user.user_id, .name = user.name, .is_admin = role == ROLE_ADMIN, .role = role, .most = ROLE_ADMIN};
    if (auth_permission(call->auth, &who, &object, &permission, err) < 0) {
        return -1;
    }
    put(call, &call->answer, "allowed", json_bool(permission >= PERMISSION_USE));
    put_text(call, &call->answer, "permission", permission_words[permission]);
    return 0;
}

#define TEXT(field)                                                                                                    \
    {                                                                                                                  \
        .name = field, .type = API_TEXT, .required = true                                                              \
    }

static const struct api_field experiment_fields[] = {TEXT("experiment_id"), TEXT("username"), {0}};
static const struct api_field experiment_permission_fields[] = {
    TEXT("experiment_id"), TEXT("username"), TEXT("permission"), {0}};
static const struct api_field model_fields[] = {TEXT("name"), TEXT("username"), {0}};
static const struct api_field model_permission_fields[] = {TEXT("name"), TEXT("username"), TEXT("permission"), {0}};
static const struct api_field resource_fields[] = {
    TEXT("username"), TEXT("resource_type"), TEXT("resource_id"), {0}};
static const struct api_field resource_permission_fields[] = {
    TEXT("username"), TEXT("resource_type"), TEXT("resource_id"), TEXT("permission"), {0}};

const struct api_route mlflow_permission_routes[] = {
    {HTTP_POST, "/mlflow/experiments/permissions/create", API_V2, API_WRITES, API_NEEDS(EDITOR, MANAGE, ITSELF),
     experiment_permission_fields, create, API_NOTED_INSIDE},
    {HTTP_GET, "/mlflow/experiments/permissions/get", API_V2, API_WRITES, API_NEEDS(EDITOR, READ, ITSELF),
     experiment_fields, get, API_LOOKS},
    {HTTP_PATCH, "/mlflow/experiments/permissions/update", API_V2, API_WRITES, API_NEEDS(EDITOR, MANAGE, ITSELF),
     experiment_permission_fields, update, API_NOTED_INSIDE},
    {HTTP_DELETE, "/mlflow/experiments/permissions/delete", API_V2, API_WRITES, API_NEEDS(EDITOR, MANAGE, ITSELF),
     experiment_fields, delete_one, API_NOTED_INSIDE},
    {HTTP_POST, "/mlflow/registered-models/permissions/create", API_V2, API_WRITES, API_NEEDS(EDITOR, MANAGE, ITSELF),
     model_permission_fields, create, API_NOTED_INSIDE},
    {HTTP_GET, "/mlflow/registered-models/permissions/get", API_V2, API_WRITES, API_NEEDS(EDITOR, READ, ITSELF),
     model_fields, get, API_LOOKS},
    {HTTP_PATCH, "/mlflow/registered-models/permissions/update", API_V2, API_WRITES, API_NEEDS(EDITOR, MANAGE, ITSELF),
     model_permission_fields, update, API_NOTED_INSIDE},
    {HTTP_DELETE, "/mlflow/registered-models/permissions/delete", API_V2, API_WRITES, API_NEEDS(EDITOR, MANAGE, ITSELF),
     model_fields, delete_one, API_NOTED_INSIDE},
    {HTTP_POST, "/mlflow/users/permissions/grant", API_V3, API_WRITES, API_NEEDS(EDITOR, MANAGE, ITSELF),
     resource_permission_fields, grant, API_NOTED_INSIDE},
    {HTTP_POST, "/mlflow/users/permissions/revoke", API_V3, API_WRITES, API_NEEDS(EDITOR, MANAGE, ITSELF),
     resource_fields, delete_one, API_NOTED_INSIDE},
    {HTTP_GET, "/mlflow/users/permissions/get", API_V3, API_READS, API_NEEDS(VIEWER, READ, USER), resource_fields,
     effective, API_LOOKS},
    {0},
};
