/* SPDX-License-Identifier: Apache-2.0
 * MLflow's routes of registered models, and of their aliases.
 */
#include "api/mlflow/entities.h"
#include "api/mlflow/routes.h"
#include "api/user_rights.h"
#include "store/deployment_jobs.h"
#include "store/registry_search.h"

static const char *name_of(const struct api_call *call)
{
    return param_text(&call->params, "name");
}

static int answer_with(struct api_call *call, const char *name, struct err *err)
{
    struct json object;
    if (registered_json(call, name, &object, err) < 0) {
        return -1;
    }
    put(call, &call->answer, "registered_model", object);
    return 0;
}

/* Which pipeline new versions start is said by who manages the model; "" says none. A client that says nothing leaves
 * it as it is. */
static int set_job(struct api_call *call, bool is_new, struct err *err)
{
    const char *job = json_get_text(&call->params, "deployment_job_id", NULL);
    if (job == NULL || (is_new && *job == '\0')) {
        return 0;
    }
    const struct mover by = api_mover(call);
    return (!is_new && user_check_registered(call, name_of(call), PERMISSION_MANAGE, err) < 0) ||
                   store_deployment_job_set(call->store, name_of(call), job, &by, call->now_ms, err) < 0
               ? -1
               : 0;
}

static int create(struct api_call *call, struct err *err)
{
    size_t count = 0;
    const struct pair *tags = pairs_of(call, &call->params, "tags", &count);
    return store_registry_create(call->store, name_of(call), param_text(&call->params, "description"), tags, count,
                                 call->now_ms, err) < 0 ||
                   set_job(call, true, err) < 0 ||
                   user_made(call, &(struct permission_object){.model = name_of(call)}, err) < 0
               ? -1
               : answer_with(call, name_of(call), err);
}

static int rename_one(struct api_call *call, struct err *err)
{
    const char *new_name = param_text(&call->params, "new_name");
    const struct mover by = api_mover(call);
    return store_registry_rename(call->store, name_of(call), new_name, &by, call->now_ms, err) < 0
               ? -1
               : answer_with(call, new_name, err);
}

static int update(struct api_call *call, struct err *err)
{
    bool describes = json_get(&call->params, "description") != NULL ||
                     json_get(&call->params, "deployment_job_id") == NULL; /* as MLflow: none given is an empty one */
    return (describes && store_registry_describe(call->store, name_of(call), param_text(&call->params, "description"),
                                                 call->now_ms, err) < 0) ||
                   set_job(call, false, err) < 0
               ? -1
               : answer_with(call, name_of(call), err);
}

static int delete_one(struct api_call *call, struct err *err)
{
    const struct mover by = api_mover(call);
    return store_registry_delete(call->store, name_of(call), &by, call->now_ms, err);
}

static int get(struct api_call *call, struct err *err)
{
    return answer_with(call, name_of(call), err);
}

static int search(struct api_call *call, struct err *err)
{
    struct registered_page page;
    struct json list = json_array();
    struct registry_query query = {
        .filter = param_text(&call->params, "filter"),
        .max_results = json_get_int(&call->params, "max_results", REGISTERED_SEARCH_RESULTS),
        .page_token = param_text(&call->params, "page_token"),
        .reader = user_reader(call),
    };
    query.order_by = param_texts(&call->params, "order_by", call->arena, &query.order_by_count);
    if (store_registered_search(call->store, &query, call->arena, &page, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < page.count; i++) {
        struct json object;
        if (registered_json(call, page.models[i].name, &object, err) < 0) {
            return -1;
        }
        json_push(call->arena, &list, object);
    }
    put_list(call, &call->answer, "registered_models", list);
    if (page.next_page_token != NULL) {
        put_text(call, &call->answer, "next_page_token", page.next_page_token);
    }
    return 0;
}

static int latest(struct api_call *call, struct err *err)
{
    size_t stage_count = 0;
    size_t count = 0;
    struct model_version *versions = NULL;
    struct json list = json_array();
    const char **stages = param_texts(&call->params, "stages", call->arena, &stage_count);
    if (store_version_latest(call->store, name_of(call), stages, stage_count, call->arena, &versions, &count, err) <
        0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json object;
        if (version_json(call, &versions[i], &object, err) < 0) {
            return -1;
        }
        json_push(call->arena, &list, object);
    }
    put_list(call, &call->answer, "model_versions", list);
    return 0;
}

/* What MLflow's roles say of prompts they do not say of models: who may only edit one does not make it the other, and
 * so is rid of what is said. */
static int check_tag(struct api_call *call, struct err *err)
{
    return tag_is_of_prompt(param_text(&call->params, "key"))
               ? user_check_registered(call, name_of(call), PERMISSION_MANAGE, err)
               : 0;
}

static int set_tag(struct api_call *call, struct err *err)
{
    return check_tag(call, err) < 0
               ? -1
               : store_registered_tag(call->store, name_of(call), param_text(&call->params, "key"),
                                      param_text(&call->params, "value"), call->now_ms, err);
}

static int delete_tag(struct api_call *call, struct err *err)
{
    return check_tag(call, err) < 0
               ? -1
               : store_registered_delete_tag(call->store, name_of(call), param_text(&call->params, "key"),
                                             call->now_ms, err);
}

/* ---- aliases ---------------------------------------------------------------------------------------------------- */

static int set_alias(struct api_call *call, struct err *err)
{
    int64_t version = 0;
    int64_t previous = 0;
    const struct mover by = api_mover(call);
    const char *alias = param_text(&call->params, "alias");
    struct model_version found;
    if (version_parse(param_text(&call->params, "version"), &version, err) < 0) {
        return -1;
    }
    if (version < 1) { /* for the store it is a removal */
        return store_version_get(call->store, name_of(call), version, call->arena, &found, err);
    }
    return store_alias_set(call->store, name_of(call), alias, version, -1, &by, call->now_ms, &previous, err);
}

static int delete_alias(struct api_call *call, struct err *err)
{
    int64_t previous = 0;
    const struct mover by = api_mover(call);
    return store_alias_delete(call->store, name_of(call), param_text(&call->params, "alias"), &by, call->now_ms,
                              &previous, err);
}

static int get_alias(struct api_call *call, struct err *err)
{
    struct model_version version;
    struct json object;
    if (store_version_by_alias(call->store, name_of(call), param_text(&call->params, "alias"), call->arena, &version,
                               err) < 0 ||
        version_json(call, &version, &object, err) < 0) {
        return -1;
    }
    put(call, &call->answer, "model_version", object);
    return 0;
}

#define NAME                                                                                                           \
    {                                                                                                                  \
        .name = "name", .type = API_TEXT, .required = true                                                             \
    }

static const struct api_field create_fields[] = {
    NAME,
    {.name = "tags", .type = API_OBJECTS, .fields = pair_fields},
    {.name = "description", .type = API_TEXT},
    {.name = "deployment_job_id", .type = API_TEXT},
    {0}};
static const struct api_field name_fields[] = {NAME, {0}};
static const struct api_field rename_fields[] = {NAME, {.name = "new_name", .type = API_TEXT, .required = true}, {0}};
static const struct api_field update_fields[] = {
    NAME, {.name = "description", .type = API_TEXT}, {.name = "deployment_job_id", .type = API_TEXT}, {0}};
static const struct api_field search_fields[] = {{.name = "filter", .type = API_TEXT},
                                                 {.name = "max_results", .type = API_INT},
                                                 {.name = "order_by", .type = API_TEXTS},
                                                 {.name = "page_token", .type = API_TEXT},
                                                 {0}};
static const struct api_field latest_fields[] = {NAME, {.name = "stages", .type = API_TEXTS}, {0}};
static const struct api_field tag_fields[] = {
    NAME, {.name = "key", .type = API_TEXT, .required = true}, {.name = "value", .type = API_TEXT}, {0}};
static const struct api_field alias_fields[] = {NAME, {.name = "alias", .type = API_TEXT, .required = true}, {0}};
static const struct api_field set_alias_fields[] = {NAME,
                                                    {.name = "alias", .type = API_TEXT, .required = true},
                                                    {.name = "version", .type = API_TEXT, .required = true},
                                                    {0}};

const struct api_route mlflow_registered_model_routes[] = {
    {HTTP_POST, "/mlflow/registered-models/create", API_V2, API_REGISTERS, API_NEEDS(EDITOR, EDIT, NEW), create_fields,
     create, API_NOTED("model.created", "name", NULL)},
    {HTTP_POST, "/mlflow/registered-models/rename", API_V2, API_WRITES, API_NEEDS(EDITOR, EDIT, REGISTERED),
     rename_fields, rename_one, API_NOTED("model.renamed", "name", "new_name")},
    {HTTP_PATCH, "/mlflow/registered-models/update", API_V2, API_WRITES, API_NEEDS(EDITOR, EDIT, REGISTERED),
     update_fields, update, API_NOTED("model.described", "name", "description")},
    {HTTP_DELETE, "/mlflow/registered-models/delete", API_V2, API_WRITES, API_NEEDS(EDITOR, MANAGE, REGISTERED),
     name_fields, delete_one, API_NOTED("model.deleted", "name", NULL)},
    {HTTP_GET, "/mlflow/registered-models/get", API_V2, API_READS, API_NEEDS(VIEWER, READ, REGISTERED), name_fields,
     get, API_LOOKS},
    {HTTP_GET, "/mlflow/registered-models/search", API_V2, API_READS, API_NEEDS(VIEWER, READ, ANYBODY), search_fields,
     search, API_LOOKS},
    {HTTP_GET, "/mlflow/registered-models/get-latest-versions", API_V2, API_READS, API_NEEDS(VIEWER, READ, REGISTERED),
     latest_fields, latest, API_LOOKS},
    {HTTP_POST, "/mlflow/registered-models/get-latest-versions", API_V2, API_READS,
     API_NEEDS(VIEWER, READ, REGISTERED), latest_fields, latest, API_LOOKS},
    {HTTP_POST, "/mlflow/registered-models/set-tag", API_V2, API_WRITES, API_NEEDS(EDITOR, EDIT, REGISTERED),
     tag_fields, set_tag, API_NOTED("model.tagged", "name", "key")},
    {HTTP_DELETE, "/mlflow/registered-models/delete-tag", API_V2, API_WRITES, API_NEEDS(EDITOR, EDIT, REGISTERED),
     tag_fields, delete_tag, API_NOTED("model.untagged", "name", "key")},
    {HTTP_POST, "/mlflow/registered-models/alias", API_V2, API_WRITES, API_NEEDS(EDITOR, EDIT, REGISTERED),
     set_alias_fields, set_alias, API_NOTED_INSIDE},
    {HTTP_DELETE, "/mlflow/registered-models/alias", API_V2, API_WRITES, API_NEEDS(EDITOR, MANAGE, REGISTERED),
     alias_fields, delete_alias, API_NOTED_INSIDE},
    {HTTP_GET, "/mlflow/registered-models/alias", API_V2, API_READS, API_NEEDS(VIEWER, READ, REGISTERED), alias_fields,
     get_alias, API_LOOKS},
    {0},
};
