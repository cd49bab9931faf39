/* SPDX-License-Identifier: Apache-2.0
 * MLflow's routes of what users may do, of its AuthServiceClient before 3.12: one set for experiments and one for
 * registered models. Who manages an object says what others may do with it. The newer ones: user_grants.c.
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
    put_text(call, &one, "permission", permission_word(permission));
    return one;
}

/* ---- what is asked for ------------------------------------------------------------------------------------------ */

/* One user's permission on one object. */
struct grant_asked {
    struct permission_object object;
    struct user_row user;
};

static int read_object(struct api_call *call, struct permission_object *ret, struct err *err)
{
    *ret = (struct permission_object){0};
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

static int permit(struct api_call *call, const struct grant_asked *asked, struct err *err)
{
    const struct account_change change = {call->store, call->who->name, call->now_ms, call->arena};
    enum permission permission = PERMISSION_NONE;
    return permission_parse(param_text(&call->params, "permission"), &permission, err) < 0 ||
                   user_require_object(call, &asked->object, err) < 0
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

#define TEXT(field)                                                                                                    \
    {                                                                                                                  \
        .name = field, .type = API_TEXT, .required = true                                                              \
    }

static const struct api_field experiment_fields[] = {TEXT("experiment_id"), TEXT("username"), {0}};
static const struct api_field experiment_permission_fields[] = {
    TEXT("experiment_id"), TEXT("username"), TEXT("permission"), {0}};
static const struct api_field model_fields[] = {TEXT("name"), TEXT("username"), {0}};
static const struct api_field model_permission_fields[] = {TEXT("name"), TEXT("username"), TEXT("permission"), {0}};

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
    {0},
};
