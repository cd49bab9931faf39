/* SPDX-License-Identifier: Apache-2.0
 * MLflow's routes of evaluation datasets, which its GenAI clients keep records in to try models on. Tags and records
 * come and go as texts of JSON within the JSON.
 */
#include "api/mlflow/entities.h"
#include "api/mlflow/routes.h"
#include "api/user_rights.h"
#include "base/id.h"
#include "store/evaluation_records.h"
#include "store/evaluation_search.h"
#include "store/python_json.h"

enum { TEXT_DEPTH_MAX = 64, TEXT_VALUES_MAX = 1000000 };

static const char *dataset_of(const struct api_call *call)
{
    return param_text(&call->params, "dataset_id");
}

/* A text of JSON that a param holds; `type` is what it must be. */
static int read_text(struct api_call *call, const char *name, enum json_type type, struct json *ret, struct err *err)
{
    struct json_limits limits = {.depth = TEXT_DEPTH_MAX, .values = TEXT_VALUES_MAX};
    if (json_read_metrics(str_from(param_text(&call->params, name)), limits, call->arena, ret, err) < 0) {
        return err_add(err, "Invalid value for parameter '%s' supplied: it is no JSON", name);
    }
    return ret->type == type ? 0
                             : err_set(err, ERR_INPUT, "Invalid value for parameter '%s' supplied: expected %s, found "
                                                       "%s", name, json_type_name(type), json_type_name(ret->type));
}

/* ---- the message ------------------------------------------------------------------------------------------------ */

static void put_known(struct api_call *call, struct json *object, const char *name, const char *value)
{
    if (value != NULL) {
        put_text(call, object, name, value);
    }
}

static int dataset_json(struct api_call *call, const struct evaluation_dataset *dataset, struct json *ret,
                        struct err *err)
{
    struct json tags;
    struct json object = json_object();
    if (store_evaluation_tags(call->store, dataset->dataset_id, call->arena, &tags, err) < 0) {
        return -1;
    }
    put_text(call, &object, "dataset_id", dataset->dataset_id);
    put_text(call, &object, "name", dataset->name);
    put_text(call, &object, "tags", python_json_text(call->arena, &tags, false).p);
    put_known(call, &object, "schema", dataset->schema);
    put_known(call, &object, "profile", dataset->profile);
    put_text(call, &object, "digest", dataset->digest);
    put_int(call, &object, "created_time", dataset->created_ms);
    put_int(call, &object, "last_update_time", dataset->updated_ms);
    put_known(call, &object, "created_by", dataset->created_by);
    put_known(call, &object, "last_updated_by", dataset->updated_by);
    *ret = object;
    return 0;
}

static int experiments_json(struct api_call *call, const char *dataset_id, struct json *ret, struct err *err)
{
    const char **ids = NULL;
    size_t count = 0;
    if (store_evaluation_experiments(call->store, dataset_id, call->arena, &ids, &count, err) < 0) {
        return -1;
    }
    *ret = json_array();
    for (size_t i = 0; i < count; i++) {
        json_push(call->arena, ret, json_cstring(call->arena, ids[i]));
    }
    return 0;
}

/* Its experiments are told only of one that was just made: clients ask for them when they want them. */
static int answer_with(struct api_call *call, const char *dataset_id, bool is_new, struct err *err)
{
    struct evaluation_dataset dataset;
    struct json object;
    struct json experiments = json_array();
    if (store_evaluation_get(call->store, dataset_id, call->arena, &dataset, err) < 0 ||
        dataset_json(call, &dataset, &object, err) < 0 ||
        (is_new && experiments_json(call, dataset_id, &experiments, err) < 0)) {
        return -1;
    }
    put_list(call, &object, "experiment_ids", experiments);
    put(call, &call->answer, "dataset", object);
    return 0;
}

/* ---- datasets --------------------------------------------------------------------------------------------------- */

static int create(struct api_call *call, struct err *err)
{
    struct json tags = json_object();
    size_t count = 0;
    const char *given = param_text(&call->params, "tags");
    bool has_tags = *given != '\0' && strcmp(given, "null") != 0;
    if (has_tags && read_text(call, "tags", JSON_OBJECT, &tags, err) < 0) {
        return -1;
    }
    const char **experiments = param_texts(&call->params, "experiment_ids", call->arena, &count);
    struct evaluation_dataset dataset = {
        .dataset_id = arena_printf(call->arena, "d-%s", id_run(call->rng, call->now_ms).text),
        .name = param_text(&call->params, "name"),
        .created_ms = call->now_ms,
    };
    return store_evaluation_create(call->store, &dataset, &tags, experiments, count, err) < 0
               ? -1
               : answer_with(call, dataset.dataset_id, true, err);
}

static int get(struct api_call *call, struct err *err)
{
    return answer_with(call, dataset_of(call), false, err);
}

static int delete(struct api_call *call, struct err *err)
{
    return store_evaluation_delete(call->store, dataset_of(call), err);
}

static int search(struct api_call *call, struct err *err)
{
    struct evaluation_page page;
    struct json list = json_array();
    struct evaluation_query query = {
        .filter = param_text(&call->params, "filter_string"),
        .max_results = json_get_int(&call->params, "max_results", EVALUATION_SEARCH_RESULTS),
        .page_token = param_text(&call->params, "page_token"),
        .reader = user_reader(call),
    };
    query.experiments = param_texts(&call->params, "experiment_ids", call->arena, &query.experiment_count);
    query.order_by = param_texts(&call->params, "order_by", call->arena, &query.order_by_count);
    if (store_evaluation_search(call->store, &query, call->arena, &page, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < page.count; i++) {
        struct json dataset;
        if (dataset_json(call, &page.datasets[i], &dataset, err) < 0) {
            return -1;
        }
        json_push(call->arena, &list, dataset);
    }
    put_list(call, &call->answer, "datasets", list);
    if (page.next_page_token != NULL) {
        put_text(call, &call->answer, "next_page_token", page.next_page_token);
    }
    return 0;
}

static int set_tags(struct api_call *call, struct err *err)
{
    struct json tags;
    return read_text(call, "tags", JSON_OBJECT, &tags, err) < 0
               ? -1
               : store_evaluation_set_tags(call->store, dataset_of(call), &tags, err);
}

static int delete_tag(struct api_call *call, struct err *err)
{
    return store_evaluation_delete_tag(call->store, dataset_of(call), param_text(&call->params, "key"), err);
}

/* ---- experiments ------------------------------------------------------------------------------------------------ */

static int experiment_ids(struct api_call *call, struct err *err)
{
    struct json list;
    if (experiments_json(call, dataset_of(call), &list, err) < 0) {
        return -1;
    }
    put_list(call, &call->answer, "experiment_ids", list);
    return 0;
}

static int add_experiments(struct api_call *call, struct err *err)
{
    size_t count = 0;
    const char **ids = param_texts(&call->params, "experiment_ids", call->arena, &count);
    return store_evaluation_add(call->store, dataset_of(call), ids, count, call->now_ms, err) < 0
               ? -1
               : answer_with(call, dataset_of(call), false, err);
}

static int remove_experiments(struct api_call *call, struct err *err)
{
    size_t count = 0;
    const char **ids = param_texts(&call->params, "experiment_ids", call->arena, &count);
    return store_evaluation_remove(call->store, dataset_of(call), ids, count, call->now_ms, err) < 0
               ? -1
               : answer_with(call, dataset_of(call), false, err);
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

static int upsert(struct api_call *call, struct err *err)
{
    struct json records;
    int64_t inserted = 0;
    int64_t updated = 0;
    if (read_text(call, "records", JSON_ARRAY, &records, err) < 0 ||
        store_evaluation_upsert(call->store, dataset_of(call), &records, call->rng, call->now_ms, &inserted, &updated,
                                err) < 0) {
        return -1;
    }
    put_int(call, &call->answer, "inserted_count", inserted);
    put_int(call, &call->answer, "updated_count", updated);
    return 0;
}

static int records(struct api_call *call, struct err *err)
{
    struct str list = {0};
    const char *next = NULL;
    int64_t wanted = json_get_int(&call->params, "max_results", 0);
    if (wanted < 0) {
        return err_set(err, ERR_INPUT, "Invalid value %lld for parameter 'max_results' supplied. It must be a positive "
                                       "integer", (long long)wanted);
    }
    if (store_evaluation_records(call->store, dataset_of(call), wanted == 0 ? EVALUATION_RECORDS_RESULTS : wanted,
                                 param_text(&call->params, "page_token"), call->arena, &list, &next, err) < 0) {
        return -1;
    }
    put(call, &call->answer, "records", (struct json){.type = JSON_STRING, .u.string = list});
    if (next != NULL) {
        put_text(call, &call->answer, "next_page_token", next);
    }
    return 0;
}

static int delete_records(struct api_call *call, struct err *err)
{
    size_t count = 0;
    int64_t deleted = 0;
    const char **ids = param_texts(&call->params, "dataset_record_ids", call->arena, &count);
    if (store_evaluation_delete_records(call->store, dataset_of(call), ids, count, &deleted, err) < 0) {
        return -1;
    }
    put_int(call, &call->answer, "deleted_count", deleted);
    return 0;
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

#define DATASET_ID                                                                                                     \
    {                                                                                                                  \
        .name = "dataset_id", .type = API_TEXT, .required = true                                                       \
    }
#define EXPERIMENT_IDS                                                                                                 \
    {                                                                                                                  \
        .name = "experiment_ids", .type = API_TEXTS                                                                    \
    }

static const struct api_field id_fields[] = {DATASET_ID, {0}};
static const struct api_field create_fields[] = {{.name = "name", .type = API_TEXT, .required = true},
                                                 EXPERIMENT_IDS,
                                                 {.name = "tags", .type = API_TEXT},
                                                 {0}};
static const struct api_field search_fields[] = {EXPERIMENT_IDS,
                                                 {.name = "filter_string", .type = API_TEXT},
                                                 {.name = "max_results", .type = API_INT},
                                                 {.name = "order_by", .type = API_TEXTS},
                                                 {.name = "page_token", .type = API_TEXT},
                                                 {0}};
static const struct api_field tags_fields[] = {DATASET_ID,
                                               {.name = "tags", .type = API_TEXT, .required = true},
                                               {0}};
static const struct api_field key_fields[] = {DATASET_ID, {.name = "key", .type = API_TEXT, .required = true}, {0}};
static const struct api_field experiment_fields[] = {DATASET_ID, EXPERIMENT_IDS, {0}};
static const struct api_field upsert_fields[] = {DATASET_ID,
                                                 {.name = "records", .type = API_TEXT, .required = true},
                                                 {0}};
static const struct api_field records_fields[] = {DATASET_ID,
                                                  {.name = "max_results", .type = API_INT},
                                                  {.name = "page_token", .type = API_TEXT},
                                                  {0}};
static const struct api_field delete_fields[] = {DATASET_ID,
                                                 {.name = "dataset_record_ids", .type = API_TEXTS},
                                                 {0}};

#define DATASET "/mlflow/datasets/{dataset_id}"
#define UNFILLED "/mlflow/datasets/%7Bdataset_id%7D"

const struct api_route mlflow_evaluation_routes[] = {
    {HTTP_POST, "/mlflow/datasets/create", API_V3, API_WRITES, API_NEEDS(EDITOR, EDIT, EACH_EXPERIMENT), create_fields,
     create, API_NOTED("dataset.created", "dataset_id", "name")},
    {HTTP_POST, "/mlflow/datasets/search", API_V3, API_READS, API_NEEDS(VIEWER, READ, EACH_EXPERIMENT), search_fields,
     search, API_LOOKS},
    {HTTP_GET, "/mlflow/datasets/search", API_V3, API_READS, API_NEEDS(VIEWER, READ, EACH_EXPERIMENT), search_fields,
     search, API_LOOKS},
    {HTTP_GET, DATASET, API_V3, API_READS, API_NEEDS(VIEWER, READ, EVALUATION), id_fields, get, API_LOOKS},
    {HTTP_DELETE, DATASET, API_V3, API_WRITES, API_NEEDS(EDITOR, MANAGE, EVALUATION), id_fields, delete,
     API_NOTED("dataset.deleted", "dataset_id", NULL)},
    {HTTP_PATCH, DATASET "/tags", API_V3, API_WRITES, API_NEEDS(EDITOR, EDIT, EVALUATION), tags_fields, set_tags,
     API_RECORDING},
    {HTTP_DELETE, DATASET "/tags/{key}", API_V3, API_WRITES, API_NEEDS(EDITOR, EDIT, EVALUATION), key_fields,
     delete_tag, API_RECORDING},
    {HTTP_GET, DATASET "/experiment-ids", API_V3, API_READS, API_NEEDS(VIEWER, READ, EVALUATION), id_fields,
     experiment_ids, API_LOOKS},
    {HTTP_POST, DATASET "/records", API_V3, API_WRITES, API_NEEDS(EDITOR, EDIT, EVALUATION), upsert_fields, upsert,
     API_RECORDING},
    {HTTP_GET, DATASET "/records", API_V3, API_READS, API_NEEDS(VIEWER, READ, EVALUATION), records_fields, records,
     API_LOOKS},
    {HTTP_DELETE, DATASET "/records", API_V3, API_WRITES, API_NEEDS(EDITOR, EDIT, EVALUATION), delete_fields,
     delete_records, API_NOTED("dataset.records_deleted", "dataset_id", NULL)},
    /* Clients of 3.4 and 3.5 ask by the path as it is written, with the id in the body. */
    {HTTP_POST, UNFILLED "/add-experiments", API_V2, API_WRITES,
     API_NEEDS(EDITOR, EDIT, EVALUATION), experiment_fields, add_experiments,
     API_NOTED("dataset.experiments_added", "dataset_id", NULL)},
    {HTTP_POST, UNFILLED "/remove-experiments", API_V2, API_WRITES,
     API_NEEDS(EDITOR, EDIT, EVALUATION), experiment_fields, remove_experiments,
     API_NOTED("dataset.experiments_removed", "dataset_id", NULL)},
    {HTTP_POST, DATASET "/add-experiments", API_V3, API_WRITES, API_NEEDS(EDITOR, EDIT, EVALUATION), experiment_fields,
     add_experiments, API_NOTED("dataset.experiments_added", "dataset_id", NULL)},
    {HTTP_POST, DATASET "/remove-experiments", API_V3, API_WRITES, API_NEEDS(EDITOR, EDIT, EVALUATION),
     experiment_fields, remove_experiments, API_NOTED("dataset.experiments_removed", "dataset_id", NULL)},
    {0},
};
