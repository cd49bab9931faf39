/* SPDX-License-Identifier: Apache-2.0
 * MLflow's routes of model versions.
 */
#include "api/mlflow/entities.h"
#include "api/mlflow/routes.h"
#include "api/user_rights.h"
#include "store/artifact_uri.h"
#include "store/registry_search.h"
#include "store/runs.h"
#include "store/tag_votes.h"

struct version_ref {
    const char *name;
    int64_t number;
};

static int ref_of(struct api_call *call, struct version_ref *ret, struct err *err)
{
    ret->name = param_text(&call->params, "name");
    return version_parse(param_text(&call->params, "version"), &ret->number, err);
}

static int answer_with(struct api_call *call, const struct version_ref *ref, struct err *err)
{
    struct model_version version;
    struct json object;
    if (store_version_get(call->store, ref->name, ref->number, call->arena, &version, err) < 0 ||
        version_json(call, &version, &object, err) < 0) {
        return -1;
    }
    put(call, &call->answer, "model_version", object);
    return 0;
}

/* Where clients are told that the files of the run and of the model are: a source must lie there. */
static void find_roots(struct api_call *call, struct model_source *source)
{
    struct run_info run;
    struct logged_model model;
    if (source->run_id != NULL && store_run_get(call->store, source->run_id, call->arena, &run, NULL) == 0) {
        source->run_root = client_uri(call, run.artifact_uri);
    }
    if (source->model_id != NULL && store_model_get(call->store, source->model_id, call->arena, &model, NULL) == 0) {
        source->model_root = client_uri(call, model.artifact_uri);
    }
}

/* Who makes a version lets others have the files of its source. */
static int check_source(struct api_call *call, const struct version_ref *ref, struct err *err)
{
    static const char scheme[] = "models:/";
    struct model_version made;
    if (call->who == NULL) {
        return 0;
    }
    if (store_version_get(call->store, ref->name, ref->number, call->arena, &made, err) < 0) {
        return -1;
    }
    const char *slash = strrchr(made.source, '/');
    if (str_starts(str_from(made.source), str_from(scheme)) && slash >= made.source + strlen(scheme)) {
        struct str name = {made.source + strlen(scheme), (size_t)(slash - made.source) - strlen(scheme)};
        return user_check_registered(call, arena_str(call->arena, name).p, PERMISSION_READ, err);
    }
    if (made.model_id != NULL &&
        user_check_owned(call, OWNED_LOGGED_MODEL, made.model_id, PERMISSION_READ, err) < 0) {
        return -1;
    }
    return made.run_id == NULL ? 0 : user_check_owned(call, OWNED_RUN, made.run_id, PERMISSION_READ, err);
}

static int create(struct api_call *call, struct err *err)
{
    size_t count = 0;
    const struct json *params = &call->params;
    const struct pair *tags = pairs_of(call, params, "tags", &count);
    struct version_ref ref = {.name = param_text(params, "name")};
    struct model_source source = {
        .source = param_text(params, "source"),
        .run_id = json_get_text(params, "run_id", NULL),
        .model_id = json_get_text(params, "model_id", NULL),
        .is_prompt = tags_are_of_prompt(tags, count),
    };
    const struct mover by = api_mover(call);
    struct model_version version = {
        .name = ref.name,
        .model_id = source.model_id,
        .source = source.source,
        .run_id = source.run_id,
        .user = by.person,
        .description = json_get_text(params, "description", NULL),
        .run_link = json_get_text(params, "run_link", NULL),
    };
    find_roots(call, &source);
    return model_source_check(&source, err) < 0 ||
                   store_version_create(call->store, &version, source.is_prompt, tags, count, &by, call->now_ms,
                                        &ref.number, err) < 0 ||
                   check_source(call, &ref, err) < 0
               ? -1
               : answer_with(call, &ref, err);
}

static int get(struct api_call *call, struct err *err)
{
    struct version_ref ref;
    return ref_of(call, &ref, err) < 0 ? -1 : answer_with(call, &ref, err);
}

static int update(struct api_call *call, struct err *err)
{
    struct version_ref ref;
    const char *description = param_text(&call->params, "description"); /* none takes away the one that was there */
    if (ref_of(call, &ref, err) < 0 ||
        store_version_describe(call->store, ref.name, ref.number, description, call->now_ms, err) < 0) {
        return -1;
    }
    return answer_with(call, &ref, err);
}

static int transition(struct api_call *call, struct err *err)
{
    struct version_ref ref;
    const struct mover by = api_mover(call);
    return ref_of(call, &ref, err) < 0 ||
                   store_stage_set(call->store, ref.name, ref.number, param_text(&call->params, "stage"),
                                   json_get_bool(&call->params, "archive_existing_versions", false), &by,
                                   call->now_ms, err) < 0
               ? -1
               : answer_with(call, &ref, err);
}

static int delete_one(struct api_call *call, struct err *err)
{
    struct version_ref ref;
    const struct mover by = api_mover(call);
    return ref_of(call, &ref, err) < 0
               ? -1
               : store_version_delete(call->store, ref.name, ref.number, &by, call->now_ms, err);
}

static int search(struct api_call *call, struct err *err)
{
    struct version_page page;
    struct json list = json_array();
    struct registry_query query = {
        .filter = param_text(&call->params, "filter"),
        .max_results = json_get_int(&call->params, "max_results", VERSION_SEARCH_RESULTS),
        .page_token = param_text(&call->params, "page_token"),
        .reader = user_reader(call),
    };
    query.order_by = param_texts(&call->params, "order_by", call->arena, &query.order_by_count);
    if (store_version_search(call->store, &query, call->arena, &page, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < page.count; i++) {
        struct json object;
        if (version_json(call, &page.versions[i], &object, err) < 0) {
            return -1;
        }
        json_push(call->arena, &list, object);
    }
    put_list(call, &call->answer, "model_versions", list);
    if (page.next_page_token != NULL) {
        put_text(call, &call->answer, "next_page_token", page.next_page_token);
    }
    return 0;
}

static int download_uri(struct api_call *call, struct err *err)
{
    struct version_ref ref;
    struct model_version version;
    if (ref_of(call, &ref, err) < 0 ||
        store_version_get(call->store, ref.name, ref.number, call->arena, &version, err) < 0) {
        return -1;
    }
    put_text(call, &call->answer, "artifact_uri", client_uri(call, version.storage_location));
    return 0;
}

/* As by the route that approves. */
static int may_decide(void *ctx, const char *run_id, struct err *err)
{
    struct err no = {0};
    if (user_check_owned(ctx, OWNED_RUN, run_id, PERMISSION_USE, &no) == 0) {
        return 1;
    }
    return no.code == ERR_DENIED ? 0 : err_pass(err, &no);
}

static int set_tag(struct api_call *call, struct err *err)
{
    struct version_ref ref;
    const char *key = param_text(&call->params, "key");
    const char *value = param_text(&call->params, "value");
    size_t votes = 0;
    const struct mover by = api_mover(call);
    if (ref_of(call, &ref, err) < 0 ||
        store_version_tag(call->store, ref.name, ref.number, key, value, &by, call->now_ms, err) < 0) {
        return -1;
    }
    if (call->who == NULL) {
        return 0; /* a tag approves something only when it is known who has set it */
    }
    const struct version_tag tag = {.name = ref.name,
                                    .version = ref.number,
                                    .key = key,
                                    .value = value,
                                    .actor = call->who->name,
                                    .at_ms = call->now_ms,
                                    .may = may_decide,
                                    .ctx = call};
    if (store_tag_vote(call->store, &tag, &votes, err) < 0) {
        return -1;
    }
    if (votes > 0) {
        api_voted(call);
    }
    return 0;
}

static int delete_tag(struct api_call *call, struct err *err)
{
    struct version_ref ref;
    const struct mover by = api_mover(call);
    return ref_of(call, &ref, err) < 0
               ? -1
               : store_version_delete_tag(call->store, ref.name, ref.number, param_text(&call->params, "key"), &by,
                                          call->now_ms, err);
}

#define REF                                                                                                            \
    {.name = "name", .type = API_TEXT, .required = true},                                                              \
    {                                                                                                                  \
        .name = "version", .type = API_TEXT, .required = true                                                          \
    }

static const struct api_field create_fields[] = {{.name = "name", .type = API_TEXT, .required = true},
                                                 {.name = "source", .type = API_TEXT, .required = true},
                                                 {.name = "run_id", .type = API_TEXT},
                                                 {.name = "tags", .type = API_OBJECTS, .fields = pair_fields},
                                                 {.name = "run_link", .type = API_TEXT},
                                                 {.name = "description", .type = API_TEXT},
                                                 {.name = "model_id", .type = API_TEXT},
                                                 {0}};
static const struct api_field ref_fields[] = {REF, {0}};
static const struct api_field update_fields[] = {REF, {.name = "description", .type = API_TEXT}, {0}};
static const struct api_field transition_fields[] = {
    REF,
    {.name = "stage", .type = API_TEXT, .required = true},
    {.name = "archive_existing_versions", .type = API_BOOL},
    {0}};
static const struct api_field search_fields[] = {{.name = "filter", .type = API_TEXT},
                                                 {.name = "max_results", .type = API_INT},
                                                 {.name = "order_by", .type = API_TEXTS},
                                                 {.name = "page_token", .type = API_TEXT},
                                                 {0}};
static const struct api_field set_tag_fields[] = {
    REF, {.name = "key", .type = API_TEXT, .required = true}, {.name = "value", .type = API_TEXT}, {0}};
static const struct api_field delete_tag_fields[] = {REF, {.name = "key", .type = API_TEXT, .required = true}, {0}};

const struct api_route mlflow_model_version_routes[] = {
    {HTTP_POST, "/mlflow/model-versions/create", API_V2, API_REGISTERS, API_NEEDS(EDITOR, EDIT, REGISTERED),
     create_fields, create, API_NOTED("model.registered", "name", "source")},
    {HTTP_PATCH, "/mlflow/model-versions/update", API_V2, API_WRITES, API_NEEDS(EDITOR, EDIT, REGISTERED),
     update_fields, update, API_NOTED("version.described", "name", "description")},
    {HTTP_POST, "/mlflow/model-versions/transition-stage", API_V2, API_WRITES, API_NEEDS(EDITOR, EDIT, REGISTERED),
     transition_fields, transition, API_NOTED_INSIDE},
    {HTTP_DELETE, "/mlflow/model-versions/delete", API_V2, API_WRITES, API_NEEDS(EDITOR, MANAGE, REGISTERED),
     ref_fields, delete_one, API_NOTED("version.deleted", "name", NULL)},
    {HTTP_GET, "/mlflow/model-versions/get", API_V2, API_READS, API_NEEDS(VIEWER, READ, REGISTERED), ref_fields, get,
     API_LOOKS},
    {HTTP_GET, "/mlflow/model-versions/search", API_V2, API_READS, API_NEEDS(VIEWER, READ, ANYBODY), search_fields,
     search, API_LOOKS},
    {HTTP_GET, "/mlflow/model-versions/get-download-uri", API_V2, API_READS, API_NEEDS(VIEWER, READ, REGISTERED),
     ref_fields, download_uri, API_LOOKS},
    {HTTP_POST, "/mlflow/model-versions/set-tag", API_V2, API_WRITES, API_NEEDS(EDITOR, EDIT, REGISTERED),
     set_tag_fields, set_tag, API_NOTED("version.tagged", "name", "key")},
    {HTTP_DELETE, "/mlflow/model-versions/delete-tag", API_V2, API_WRITES, API_NEEDS(EDITOR, MANAGE, REGISTERED),
     delete_tag_fields, delete_tag, API_NOTED("version.untagged", "name", "key")},
    {0},
};
