/* SPDX-License-Identifier: Apache-2.0
 * MLflow's routes of traces, in their version 2: of servers before MLflow 3. Newer clients fall back to them, and put
 * the spans as a file where the tag mlflow.artifactLocation says.
 */
#include "api/mlflow/entities.h"
#include "api/mlflow/routes.h"
#include "api/mlflow/trace_removal.h"
#include "api/step_rights.h"
#include "base/id.h"
#include "store/trace_search.h"

static const char *trace_of(const struct api_call *call)
{
    return param_text(&call->params, "request_id");
}

/* ---- the message ------------------------------------------------------------------------------------------------ */

static int trace_json(struct api_call *call, const struct trace *trace, struct json *ret, struct err *err)
{
    struct json metadata, tags;
    struct json object = json_object();
    if (store_trace_metadata(call->store, trace->request_id, call->arena, &metadata, err) < 0 ||
        store_trace_tags(call->store, trace->request_id, call->arena, &tags, err) < 0) {
        return -1;
    }
    put_text(call, &tags, TRACE_LOCATION_TAG, client_uri(call, trace->artifact_uri));
    put_text(call, &object, "request_id", trace->request_id);
    put_text(call, &object, "experiment_id", arena_printf(call->arena, "%lld", (long long)trace->experiment_id));
    put_int(call, &object, "timestamp_ms", trace->start_ms);
    put_int(call, &object, "execution_time_ms", trace->duration_ms);
    put_text(call, &object, "status", trace_status_names[trace->status]);
    put_list(call, &object, "request_metadata", pairs_json(call, &metadata));
    put_list(call, &object, "tags", pairs_json(call, &tags));
    *ret = object;
    return 0;
}

static int answer_with(struct api_call *call, const char *request_id, struct err *err)
{
    struct trace trace;
    struct json object;
    if (store_trace_get(call->store, request_id, call->arena, &trace, err) < 0 ||
        trace_json(call, &trace, &object, err) < 0) {
        return -1;
    }
    put(call, &call->answer, "trace_info", object);
    return 0;
}

/* ---- its life --------------------------------------------------------------------------------------------------- */

static struct trace_words words_of(struct api_call *call)
{
    struct trace_words words = {0};
    words.metadata = pairs_of(call, &call->params, "request_metadata", &words.metadata_count);
    words.tags = pairs_of(call, &call->params, "tags", &words.tag_count);
    return words;
}

/* A step's trace names the run it was made in, which is one of the step's. */
static int check_source(struct api_call *call, const struct trace_words *words, bool *ret_named, struct err *err)
{
    *ret_named = false;
    for (size_t i = 0; call->step != NULL && i < words->metadata_count; i++) {
        if (strcmp(words->metadata[i].key, TRACE_SOURCE_RUN) == 0) {
            *ret_named = true;
            if (step_check_run(call, words->metadata[i].value, err) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

static void name_source(struct api_call *call, struct trace_words *words)
{
    struct pair *metadata = arena_array(call->arena, words->metadata_count + 1, sizeof *metadata);
    for (size_t i = 0; i < words->metadata_count; i++) {
        metadata[i] = words->metadata[i];
    }
    metadata[words->metadata_count++] = (struct pair){TRACE_SOURCE_RUN, call->step->run_id};
    words->metadata = metadata;
}

static int start(struct api_call *call, struct err *err)
{
    int64_t experiment_id = 0;
    bool is_named = false;
    struct experiment experiment;
    struct trace_words words = words_of(call);
    if (experiment_id_of(param_text(&call->params, "experiment_id"), &experiment_id, err) < 0 ||
        store_experiment_get(call->store, experiment_id, call->arena, &experiment, err) < 0 ||
        check_source(call, &words, &is_named, err) < 0) {
        return -1;
    }
    if (call->step != NULL && !is_named) {
        name_source(call, &words);
    }
    struct id id = id_run(call->rng, call->now_ms);
    struct trace trace = {
        .request_id = id.text,
        .experiment_id = experiment_id,
        .start_ms = json_get_int(&call->params, "timestamp_ms", 0),
        .artifact_uri =
            arena_printf(call->arena, "%s/traces/%s/artifacts", experiment_root(call, &experiment), id.text),
    };
    return store_trace_start(call->store, &trace, &words, err) < 0 ? -1 : answer_with(call, id.text, err);
}

static int end(struct api_call *call, struct err *err)
{
    bool is_named = false;
    struct trace_words words = words_of(call);
    return check_source(call, &words, &is_named, err) < 0 ||
                   store_trace_end(call->store, trace_of(call), json_get_int(&call->params, "timestamp_ms", 0),
                                   trace_status_of(param_text(&call->params, "status")), &words, err) < 0
               ? -1
               : answer_with(call, trace_of(call), err);
}

static int get(struct api_call *call, struct err *err)
{
    return answer_with(call, trace_of(call), err);
}

static int search(struct api_call *call, struct err *err)
{
    struct trace_page page;
    struct json list = json_array();
    struct trace_query query = {
        .filter = param_text(&call->params, "filter"),
        .max_results = json_get_int(&call->params, "max_results", TRACE_SEARCH_RESULTS),
        .page_token = param_text(&call->params, "page_token"),
    };
    query.experiments = experiment_ids_of(call, "experiment_ids", &query.experiment_count);
    query.order_by = param_texts(&call->params, "order_by", call->arena, &query.order_by_count);
    if (store_trace_search(call->store, &query, call->arena, &page, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < page.count; i++) {
        struct json trace;
        if (trace_json(call, &page.traces[i], &trace, err) < 0) {
            return -1;
        }
        json_push(call->arena, &list, trace);
    }
    put_list(call, &call->answer, "traces", list);
    if (page.next_page_token != NULL) {
        put_text(call, &call->answer, "next_page_token", page.next_page_token);
    }
    return 0;
}

static int set_tag(struct api_call *call, struct err *err)
{
    return store_trace_tag(call->store, trace_of(call), param_text(&call->params, "key"),
                           param_text(&call->params, "value"), err);
}

static int delete_tag(struct api_call *call, struct err *err)
{
    return store_trace_delete_tag(call->store, trace_of(call), param_text(&call->params, "key"), err);
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

#define REQUEST_ID                                                                                                     \
    {                                                                                                                  \
        .name = "request_id", .type = API_TEXT, .required = true                                                       \
    }
#define WORDS                                                                                                          \
    {.name = "request_metadata", .type = API_OBJECTS, .fields = pair_fields},                                          \
    {                                                                                                                  \
        .name = "tags", .type = API_OBJECTS, .fields = pair_fields                                                     \
    }

static const struct api_field start_fields[] = {{.name = "experiment_id", .type = API_TEXT, .required = true},
                                                {.name = "timestamp_ms", .type = API_INT},
                                                WORDS,
                                                {0}};
static const struct api_field end_fields[] = {REQUEST_ID,
                                              {.name = "timestamp_ms", .type = API_INT},
                                              {.name = "status", .type = API_WORD, .words = trace_status_names},
                                              WORDS,
                                              {0}};
static const struct api_field id_fields[] = {REQUEST_ID, {0}};
static const struct api_field search_fields[] = {{.name = "experiment_ids", .type = API_TEXTS, .required = true},
                                                 {.name = "filter", .type = API_TEXT},
                                                 {.name = "max_results", .type = API_INT},
                                                 {.name = "order_by", .type = API_TEXTS},
                                                 {.name = "page_token", .type = API_TEXT},
                                                 {0}};
static const struct api_field set_fields[] = {REQUEST_ID,
                                              {.name = "key", .type = API_TEXT, .required = true},
                                              {.name = "value", .type = API_TEXT},
                                              {0}};
static const struct api_field key_fields[] = {REQUEST_ID, {.name = "key", .type = API_TEXT, .required = true}, {0}};
static const struct api_field delete_fields[] = {{.name = "experiment_id", .type = API_TEXT, .required = true},
                                                 {.name = "max_timestamp_millis", .type = API_INT},
                                                 {.name = "max_traces", .type = API_INT},
                                                 {.name = "request_ids", .type = API_TEXTS},
                                                 {0}};

const struct api_route mlflow_trace_routes[] = {
    {HTTP_POST, "/mlflow/traces", API_V2, API_MAKES, API_NEEDS(EDITOR, EDIT, EXPERIMENT), start_fields, start,
     API_RECORDING},
    {HTTP_GET, "/mlflow/traces", API_V2, API_READS, API_NEEDS(VIEWER, READ, EXPERIMENTS), search_fields, search,
     API_LOOKS},
    {HTTP_POST, "/mlflow/traces/delete-traces", API_V2, API_WRITES, API_NEEDS(EDITOR, MANAGE, EXPERIMENT),
     delete_fields, traces_delete, API_NOTED("traces.deleted", "experiment_id", NULL)},
    {HTTP_PATCH, "/mlflow/traces/{request_id}", API_V2, API_WRITES_TRACE, API_NEEDS(EDITOR, EDIT, TRACE), end_fields,
     end, API_RECORDING},
    /* Without "/info", which MLflow's own server never had, is how clients since MLflow 3 ask when they fall back. */
    {HTTP_GET, "/mlflow/traces/{request_id}", API_V2, API_READS, API_NEEDS(VIEWER, READ, TRACE), id_fields, get,
     API_LOOKS},
    {HTTP_GET, "/mlflow/traces/{request_id}/info", API_V2, API_READS, API_NEEDS(VIEWER, READ, TRACE), id_fields, get,
     API_LOOKS},
    {HTTP_PATCH, "/mlflow/traces/{request_id}/tags", API_V2, API_WRITES_TRACE, API_NEEDS(EDITOR, EDIT, TRACE),
     set_fields, set_tag, API_RECORDING},
    {HTTP_DELETE, "/mlflow/traces/{request_id}/tags", API_V2, API_WRITES_TRACE, API_NEEDS(EDITOR, EDIT, TRACE),
     key_fields, delete_tag, API_RECORDING},
    {0},
};
