/* SPDX-License-Identifier: Apache-2.0
 * MLflow's routes of logged models.
 */
#include "api/long_list.h"
#include "api/mlflow/entities.h"
#include "api/mlflow/routes.h"
#include "api/step_rights.h"
#include "api/user_rights.h"
#include "base/id.h"
#include "digest/digest.h"
#include "store/model_search.h"
#include "store/runs.h"

static const char *const status_words[] = {"LOGGED_MODEL_STATUS_UNSPECIFIED", "LOGGED_MODEL_PENDING",
                                           "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED", ""};

static const char *model_of(const struct api_call *call)
{
    return param_text(&call->params, "model_id");
}

static int answer_with_model(struct api_call *call, const struct logged_model *model, struct err *err)
{
    struct json object;
    if (model_json(call, model, &object, err) < 0) {
        return -1;
    }
    put(call, &call->answer, "model", object);
    return 0;
}

static int answer_with(struct api_call *call, const char *model_id, struct err *err)
{
    struct logged_model model;
    return store_model_get(call->store, model_id, call->arena, &model, err) < 0 ? -1
                                                                                : answer_with_model(call, &model, err);
}

static int create(struct api_call *call, struct err *err)
{
    size_t tag_count = 0;
    size_t param_count = 0;
    int64_t experiment_id = 0;
    struct experiment experiment;
    char name[64];
    const struct pair *tags = pairs_of(call, &call->params, "tags", &tag_count);
    const struct pair *params = pairs_of(call, &call->params, "params", &param_count);
    if (experiment_id_of(param_text(&call->params, "experiment_id"), &experiment_id, err) < 0 ||
        store_experiment_get(call->store, experiment_id, call->arena, &experiment, err) < 0) {
        return -1;
    }
    const char *source = json_get_text(&call->params, "source_run_id", call->step == NULL ? NULL : call->step->run_id);
    if (call->step != NULL ? step_check_run(call, source, err) < 0
                           : source != NULL && user_check_owned(call, OWNED_RUN, source, PERMISSION_READ, err) < 0) {
        return -1;
    }
    struct id id = id_model(call->rng, call->now_ms);
    const char *given = param_text(&call->params, "name");
    id_name(call->rng, name);
    struct logged_model model = {
        .model_id = id.text,
        .experiment_id = experiment_id,
        .name = *given == '\0' ? name : given,
        .artifact_uri =
            arena_printf(call->arena, "%s/models/%s/artifacts", experiment_root(call, &experiment), id.text),
        .source_run_id = source,
        .maker = call->step == NULL ? NULL : call->step->run_id,
        .model_type = param_text(&call->params, "model_type"),
        .status = MODEL_STATUS_PENDING,
        .status_message = "",
        .sha256 = "",
        .created_ms = call->now_ms,
        .updated_ms = call->now_ms,
    };
    return store_model_create_tagged(call->store, &model, params, param_count, tags, tag_count, err) < 0
               ? -1
               : answer_with(call, id.text, err);
}

static int get(struct api_call *call, struct err *err)
{
    struct logged_model model;
    if (!json_get_bool(&call->params, "allow_deleted", false)) {
        return answer_with(call, model_of(call), err);
    }
    return store_model_get_any(call->store, model_of(call), call->arena, &model, err) < 0
               ? -1
               : answer_with_model(call, &model, err);
}

/* The digest of a model is that of its folder (digest_tree), which the digests of its files tell. None of a model whose
 * files are at another store. */
static int record_digest(struct api_call *call, const char *model_id, struct err *err)
{
    struct artifact *files = NULL;
    size_t count = 0;
    int64_t size = 0;
    if (store_artifact_list(call->store, model_id, call->arena, &files, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        size += files[i].size_bytes;
    }
    return count == 0 ? 0
                      : store_model_published(call->store, model_id, artifacts_sha256(files, count, call->arena), size,
                                              call->now_ms, err);
}

static int finalize(struct api_call *call, struct err *err)
{
    const char *word = param_text(&call->params, "status");
    int status = 0;
    while (strcmp(status_words[status], word) != 0) {
        status++;
    }
    if (status == 0) {
        return err_set(err, ERR_INPUT, "Invalid model status: %s", word);
    }
    bool ready = status == MODEL_STATUS_READY;
    return (ready && record_digest(call, model_of(call), err) < 0) ||
                   store_model_set_status(call->store, model_of(call), (enum model_status)status, call->now_ms, err) < 0
               ? -1
               : answer_with(call, model_of(call), err);
}

static int delete_one(struct api_call *call, struct err *err)
{
    return store_model_delete(call->store, model_of(call), call->now_ms, err);
}

static int set_tags(struct api_call *call, struct err *err)
{
    size_t count = 0;
    const struct pair *tags = pairs_of(call, &call->params, "tags", &count);
    return store_model_tags_set(call->store, model_of(call), tags, count, err);
}

static int delete_tag(struct api_call *call, struct err *err)
{
    return store_model_delete_tag(call->store, model_of(call), param_text(&call->params, "tag_key"), err);
}

static int log_params(struct api_call *call, struct err *err)
{
    size_t count = 0;
    const struct pair *params = pairs_of(call, &call->params, "params", &count);
    return store_model_params_log(call->store, model_of(call), params, count, err);
}

/* ---- searching -------------------------------------------------------------------------------------------------- */

static const struct model_search_dataset *datasets_of(struct api_call *call, size_t *ret_count)
{
    const struct json *items = param_list(&call->params, "datasets", ret_count);
    struct model_search_dataset *datasets = arena_array(call->arena, *ret_count + 1, sizeof *datasets);
    for (size_t i = 0; i < *ret_count; i++) {
        datasets[i] = (struct model_search_dataset){json_get_text(&items[i], "dataset_name", NULL),
                                                    json_get_text(&items[i], "dataset_digest", NULL)};
    }
    return datasets;
}

static const struct model_search_order *order_of(struct api_call *call, size_t *ret_count)
{
    const struct json *items = param_list(&call->params, "order_by", ret_count);
    struct model_search_order *order = arena_array(call->arena, *ret_count + 1, sizeof *order);
    for (size_t i = 0; i < *ret_count; i++) {
        order[i] = (struct model_search_order){
            .field_name = param_text(&items[i], "field_name"),
            .ascending = json_get_bool(&items[i], "ascending", true),
            .dataset_name = json_get_text(&items[i], "dataset_name", NULL),
            .dataset_digest = json_get_text(&items[i], "dataset_digest", NULL),
        };
    }
    return order;
}

/* Models that were found and are yet to be read. */
struct found {
    struct logged_model *models;
    size_t count;
};

/* Of one that is deleted meanwhile: how it was. */
static int take_models(struct long_list *list, struct api_call *call, struct json *items, struct err *err)
{
    struct found *found = list->state;
    struct json model;
    if (found->count == 0) {
        return 0;
    }
    if (model_json(call, found->models, &model, err) < 0) {
        return -1;
    }
    found->models++;
    found->count--;
    json_push(call->arena, items, model);
    return 0;
}

static const char *kept(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_strdup(arena, text);
}

static struct logged_model model_kept(struct arena *arena, const struct logged_model *model)
{
    struct logged_model copy = *model;
    copy.model_id = kept(arena, model->model_id);
    copy.name = kept(arena, model->name);
    copy.artifact_uri = kept(arena, model->artifact_uri);
    copy.source_run_id = kept(arena, model->source_run_id);
    copy.model_type = kept(arena, model->model_type);
    copy.status_message = kept(arena, model->status_message);
    copy.sha256 = kept(arena, model->sha256);
    return copy;
}

static void answer_in_parts(struct api_call *call, const struct model_page *page)
{
    struct long_list list = {.name = "models", .take = take_models, .arena = arena_new()};
    struct found *found = arena_one(list.arena, struct found);
    *found = (struct found){arena_array(list.arena, page->count, sizeof *found->models), page->count};
    for (size_t i = 0; i < page->count; i++) {
        found->models[i] = model_kept(list.arena, &page->models[i]);
    }
    list.next_page_token = kept(list.arena, page->next_page_token);
    list.state = found;
    long_list_answer(call, &list);
}

/* Points of models that an answer may have in memory: of more, it is made model by model. */
enum { POINTS_AT_ONCE = 2000 };

static int search(struct api_call *call, struct err *err)
{
    struct model_page page;
    struct json list = json_array();
    size_t points = 0;
    struct model_query query = {
        .filter = param_text(&call->params, "filter"),
        .max_results = json_get_int(&call->params, "max_results", MODEL_SEARCH_RESULTS),
        .page_token = param_text(&call->params, "page_token"),
    };
    if (experiment_ids_check(call, "experiment_ids", err) < 0) {
        return -1;
    }
    query.experiments = experiment_ids_of(call, "experiment_ids", &query.experiment_count);
    query.datasets = datasets_of(call, &query.dataset_count);
    query.order_by = order_of(call, &query.order_by_count);
    if (store_model_search(call->store, &query, call->arena, &page, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < page.count; i++) {
        struct json model;
        if (model_json(call, &page.models[i], &model, err) < 0) {
            return -1;
        }
        const struct json *metrics = json_get(json_get(&model, "data"), "metrics");
        points += metrics == NULL ? 0 : metrics->u.array.count;
        if (points > POINTS_AT_ONCE && page.count > 1 && !call->whole) {
            answer_in_parts(call, &page);
            return 0;
        }
        json_push(call->arena, &list, model);
    }
    put_list(call, &call->answer, "models", list);
    if (page.next_page_token != NULL) {
        put_text(call, &call->answer, "next_page_token", page.next_page_token);
    }
    return 0;
}

#define MODEL_ID                                                                                                       \
    {                                                                                                                  \
        .name = "model_id", .type = API_TEXT, .required = true                                                         \
    }

static const struct api_field create_fields[] = {{.name = "experiment_id", .type = API_TEXT, .required = true},
                                                 {.name = "name", .type = API_TEXT},
                                                 {.name = "model_type", .type = API_TEXT},
                                                 {.name = "source_run_id", .type = API_TEXT},
                                                 {.name = "params", .type = API_OBJECTS, .fields = pair_fields},
                                                 {.name = "tags", .type = API_OBJECTS, .fields = pair_fields},
                                                 {0}};
static const struct api_field get_fields[] = {MODEL_ID, {.name = "allow_deleted", .type = API_BOOL}, {0}};
static const struct api_field finalize_fields[] = {
    MODEL_ID, {.name = "status", .type = API_WORD, .required = true, .words = status_words}, {0}};
static const struct api_field id_fields[] = {MODEL_ID, {0}};
static const struct api_field tags_fields[] = {
    MODEL_ID, {.name = "tags", .type = API_OBJECTS, .fields = pair_fields}, {0}};
static const struct api_field tag_fields[] = {MODEL_ID, {.name = "tag_key", .type = API_TEXT, .required = true}, {0}};
static const struct api_field params_fields[] = {
    MODEL_ID, {.name = "params", .type = API_OBJECTS, .fields = pair_fields}, {0}};
static const struct api_field dataset_fields[] = {
    {.name = "dataset_name", .type = API_TEXT}, {.name = "dataset_digest", .type = API_TEXT}, {0}};
static const struct api_field order_fields[] = {{.name = "field_name", .type = API_TEXT, .required = true},
                                                {.name = "ascending", .type = API_BOOL},
                                                {.name = "dataset_name", .type = API_TEXT},
                                                {.name = "dataset_digest", .type = API_TEXT},
                                                {0}};
static const struct api_field search_fields[] = {{.name = "experiment_ids", .type = API_TEXTS, .required = true},
                                                 {.name = "filter", .type = API_TEXT},
                                                 {.name = "datasets", .type = API_OBJECTS, .fields = dataset_fields},
                                                 {.name = "max_results", .type = API_INT},
                                                 {.name = "order_by", .type = API_OBJECTS, .fields = order_fields},
                                                 {.name = "page_token", .type = API_TEXT},
                                                 {0}};

const struct api_route mlflow_logged_model_routes[] = {
    {HTTP_POST, "/mlflow/logged-models", API_V2, API_MAKES, API_NEEDS(EDITOR, EDIT, EXPERIMENT), create_fields, create,
     API_RECORDING},
    {HTTP_POST, "/mlflow/logged-models/search", API_V2, API_READS, API_NEEDS(VIEWER, READ, EXPERIMENTS), search_fields,
     search, API_LOOKS},
    {HTTP_GET, "/mlflow/logged-models/{model_id}", API_V2, API_READS, API_NEEDS(VIEWER, READ, LOGGED_MODEL),
     get_fields, get, API_LOOKS},
    {HTTP_PATCH, "/mlflow/logged-models/{model_id}", API_V2, API_WRITES_MODEL, API_NEEDS(EDITOR, EDIT, LOGGED_MODEL),
     finalize_fields, finalize, API_RECORDING},
    {HTTP_DELETE, "/mlflow/logged-models/{model_id}", API_V2, API_WRITES, API_NEEDS(EDITOR, MANAGE, LOGGED_MODEL),
     id_fields, delete_one, API_NOTED("logged_model.deleted", "model_id", NULL)},
    {HTTP_PATCH, "/mlflow/logged-models/{model_id}/tags", API_V2, API_WRITES_MODEL,
     API_NEEDS(EDITOR, EDIT, LOGGED_MODEL), tags_fields, set_tags, API_RECORDING},
    {HTTP_DELETE, "/mlflow/logged-models/{model_id}/tags/{tag_key}", API_V2, API_WRITES_MODEL,
     API_NEEDS(EDITOR, MANAGE, LOGGED_MODEL), tag_fields, delete_tag, API_RECORDING},
    {HTTP_POST, "/mlflow/logged-models/{model_id}/params", API_V2, API_WRITES_MODEL,
     API_NEEDS(EDITOR, EDIT, LOGGED_MODEL), params_fields, log_params, API_RECORDING},
    {0},
};
