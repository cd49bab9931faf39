/* SPDX-License-Identifier: Apache-2.0
 * MLflow's routes that read metrics.
 */
#include "api/mlflow/entities.h"
#include "api/mlflow/routes.h"
#include "store/runs.h"

#include <math.h>
#include <stdio.h>

enum { HISTORY_PAGE_MAX = 25000, BULK_RUNS_MAX = 100, BULK_POINTS_MAX = 25000 };

/* ---- points as text --------------------------------------------------------------------------------------------- */

/* {"metrics":[...]}, written point by point: there may be a million. What is the same in all is made once. */
struct points_text {
    struct strbuf *out;
    struct str head; /* {"key":"loss","value": */
    struct str tail; /* } or ,"run_id":"..."} */
    size_t count;
    struct metric_rank last;
};

enum { POINTS_TEXT_MAX = INT32_MAX };

/* The points that come now are of this key, and are told to be of this run unless it is NULL. */
static void text_begin(struct points_text *text, struct arena *arena, const char *key, const char *run_id)
{
    struct strbuf part;
    strbuf_init(&part, POINTS_TEXT_MAX);
    strbuf_add_text(&part, "{\"key\":");
    json_write_string(&part, str_from(key));
    strbuf_add_text(&part, ",\"value\":");
    text->head = arena_str(arena, strbuf_str(&part));
    strbuf_reset(&part);
    if (run_id != NULL) {
        strbuf_add_text(&part, ",\"run_id\":");
        json_write_string(&part, str_from(run_id));
    }
    strbuf_add_byte(&part, '}');
    text->tail = arena_str(arena, strbuf_str(&part));
    strbuf_clear(&part);
    if (text->out->data == NULL) {
        strbuf_init(text->out, SIZE_MAX >> 1);
        strbuf_add_text(text->out, "{\"metrics\":[");
    }
}

static void text_add(void *ctx, const struct metric_rank *points, size_t count)
{
    struct points_text *text = ctx;
    struct strbuf *out = text->out;
    for (size_t i = 0; i < count; i++) {
        if (text->count++ > 0) {
            strbuf_add_byte(out, ',');
        }
        strbuf_add_str(out, text->head);
        json_write_double(out, points[i].is_nan ? (double)NAN : points[i].value);
        strbuf_add_str(out, STR(",\"timestamp\":"));
        json_write_int(out, points[i].time_ms);
        strbuf_add_str(out, STR(",\"step\":"));
        json_write_int(out, points[i].step);
        strbuf_add_str(out, text->tail);
    }
    text->last = count > 0 ? points[count - 1] : text->last;
}

/* Without points there is no list, unless it is wanted `always`. */
static void text_end(struct points_text *text, bool always)
{
    if (text->count == 0 && !always) {
        strbuf_reset(text->out);
        strbuf_add_text(text->out, "{}");
    } else {
        strbuf_add_text(text->out, "]}");
    }
}

/* ---- the history of one key ------------------------------------------------------------------------------------- */

/* The place behind which the next page begins: "TIME,STEP,VALUE"; NaN is "nan". */
static const char *token_of(struct api_call *call, const struct metric_rank *point)
{
    return arena_printf(call->arena, "%lld,%lld,%.17g", (long long)point->time_ms, (long long)point->step,
                        point->is_nan ? (double)NAN : point->value);
}

static int read_token(const char *token, struct metric_point *ret, struct err *err)
{
    long long time_ms = 0;
    long long step = 0;
    char end = '\0';
    *ret = (struct metric_point){0};
    if (sscanf(token, "%lld,%lld,%lg%c", &time_ms, &step, &ret->value, &end) != 3) {
        return err_set(err, ERR_INPUT, "Invalid page token: '%s'", token);
    }
    ret->time_ms = time_ms;
    ret->step = step;
    return 0;
}

static int history(struct api_call *call, struct err *err)
{
    struct metric_point after;
    struct points_text text = {.out = &call->written};
    struct run_info run;
    struct err absent = {0};
    bool more = false;
    const char *run_id = param_text(&call->params, "run_id");
    const char *key = param_text(&call->params, "metric_key");
    const char *token = param_text(&call->params, "page_token");
    const struct json *given = json_get(&call->params, "max_results");
    int64_t max = given == NULL ? INT64_MAX : given->u.integer < HISTORY_PAGE_MAX ? given->u.integer : HISTORY_PAGE_MAX;
    if (max < 1) {
        return err_set(err, ERR_INPUT, "Invalid value %lld for parameter 'max_results' supplied. It must be a positive "
                       "integer.", (long long)max);
    }
    if (*token != '\0' && read_token(token, &after, err) < 0) {
        return -1;
    }
    if (store_run_get(call->store, run_id, call->arena, &run, &absent) < 0) { /* it has no history */
        return absent.code == ERR_NOT_FOUND ? 0 : err_pass(err, &absent);
    }
    text_begin(&text, call->arena, key, NULL);
    if (store_metric_history_read(call->store, run_id, key, *token == '\0' ? NULL : &after, (size_t)max, text_add,
                                  &text, &more, err) < 0) {
        return -1;
    }
    text_end(&text, false);
    if (more) {
        strbuf_truncate(text.out, text.out->length - 1);
        strbuf_add_text(text.out, ",\"next_page_token\":");
        json_write_string(text.out, str_from(token_of(call, &text.last)));
        strbuf_add_byte(text.out, '}');
    }
    return 0;
}

/* ---- of several runs -------------------------------------------------------------------------------------------- */

static void answer_with_points(struct api_call *call, const char *key, const struct metric_run_point *points,
                               size_t count, bool always)
{
    struct points_text text = {.out = &call->written};
    text_begin(&text, call->arena, key, NULL);
    for (size_t i = 0; i < count; i++) {
        const struct metric_point *point = &points[i].point;
        struct metric_rank rank = metric_rank_of(point->value, point->step, point->time_ms);
        if (i == 0 || points[i].run_id != points[i - 1].run_id) {
            text_begin(&text, call->arena, key, points[i].run_id);
        }
        text_add(&text, &rank, 1);
    }
    text_end(&text, always);
}

#define SEE_DOCS " See the API docs for more information about request parameters."

/* `at_most` and `end`: the words of each of the two routes. */
static int check_runs(size_t count, const char *what, const char *at_most, const char *end, const char *key,
                      struct err *err)
{
    if (count == 0) {
        return err_set(err, ERR_INPUT, "%s request must specify at least one run_id.", what);
    }
    if (count > BULK_RUNS_MAX) {
        return err_set(err, ERR_INPUT, "%s request %s %d run_ids. Received %zu run_ids.%s", what, at_most,
                       BULK_RUNS_MAX, count, end);
    }
    return *key != '\0' ? 0 : err_set(err, ERR_INPUT, "%s request must specify a metric_key.", what);
}

static int bulk(struct api_call *call, struct err *err)
{
    size_t run_count = 0;
    size_t count = 0;
    struct metric_run_point *points = NULL;
    const char *key = param_text(&call->params, "metric_key");
    const char **runs = param_texts(&call->params, "run_id", call->arena, &run_count);
    int64_t max = json_get_int(&call->params, "max_results", BULK_POINTS_MAX);
    max = max < 0 || max > BULK_POINTS_MAX ? BULK_POINTS_MAX : max;
    if (check_runs(run_count, "GetMetricHistoryBulk", "cannot specify more than", "", key, err) < 0 ||
        store_metric_histories(call->store, runs, run_count, key, (size_t)max, call->arena, &points, &count, err) < 0) {
        return -1;
    }
    answer_with_points(call, key, points, count, true);
    return 0;
}

static int check_interval(const struct json *start, const struct json *end, int64_t max, struct err *err)
{
    if ((start == NULL) != (end == NULL)) {
        return err_set(err, ERR_INPUT, "If either start step or end step are specified, both must be specified.");
    }
    if (start != NULL && start->u.integer > end->u.integer) {
        return err_set(err, ERR_INPUT,
                       "end_step must be greater than start_step. Found start_step=%lld and end_step=%lld.",
                       (long long)start->u.integer, (long long)end->u.integer);
    }
    if (max < 1 || max > METRIC_SAMPLE_MAX) {
        return err_set(err, ERR_INPUT, "max_results must be between 1 and %d." SEE_DOCS, METRIC_SAMPLE_MAX);
    }
    return 0;
}

/* Charts of several runs are drawn though one of them is gone. */
static int leave_out_absent(struct api_call *call, const char **runs, size_t *count, struct err *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        struct run_info run;
        struct err absent = {0};
        if (store_run_get(call->store, runs[i], call->arena, &run, &absent) == 0) {
            runs[kept++] = runs[i];
        } else if (absent.code != ERR_NOT_FOUND) {
            return err_pass(err, &absent);
        }
    }
    *count = kept;
    return 0;
}

static int interval(struct api_call *call, struct err *err)
{
    size_t run_count = 0;
    size_t count = 0;
    struct metric_run_point *points = NULL;
    const char *key = param_text(&call->params, "metric_key");
    const char **runs = param_texts(&call->params, "run_ids", call->arena, &run_count);
    const struct json *start = json_get(&call->params, "start_step");
    const struct json *end = json_get(&call->params, "end_step");
    int64_t max = json_get_int(&call->params, "max_results", METRIC_SAMPLE_MAX);
    if (check_runs(run_count, "GetMetricHistoryBulkInterval", "must specify at most", SEE_DOCS, key, err) < 0 ||
        check_interval(start, end, max, err) < 0) {
        return -1;
    }
    struct metric_interval asked = {.bounded = start != NULL, .max_results = (size_t)max};
    if (start != NULL) {
        asked.start = start->u.integer;
        asked.end = end->u.integer;
    }
    if (leave_out_absent(call, runs, &run_count, err) < 0 ||
        store_metric_interval(call->store, runs, run_count, key, &asked, call->arena, &points, &count, err) < 0) {
        return -1;
    }
    answer_with_points(call, key, points, count, false);
    return 0;
}

static const struct api_field history_fields[] = {
    {.name = "run_id", .type = API_TEXT, .required = true, .alias = "run_uuid"},
    {.name = "metric_key", .type = API_TEXT, .required = true},
    {.name = "page_token", .type = API_TEXT},
    {.name = "max_results", .type = API_INT},
    {0}};
static const struct api_field bulk_fields[] = {{.name = "run_id", .type = API_TEXTS},
                                               {.name = "metric_key", .type = API_TEXT},
                                               {.name = "max_results", .type = API_INT},
                                               {0}};
static const struct api_field interval_fields[] = {{.name = "run_ids", .type = API_TEXTS, .required = true},
                                                   {.name = "metric_key", .type = API_TEXT, .required = true},
                                                   {.name = "start_step", .type = API_INT},
                                                   {.name = "end_step", .type = API_INT},
                                                   {.name = "max_results", .type = API_INT},
                                                   {0}};

const struct api_route mlflow_metric_routes[] = {
    {HTTP_GET, "/mlflow/metrics/get-history", API_V2, API_READS, API_NEEDS(VIEWER, READ, RUN), history_fields, history,
     API_LOOKS},
    {HTTP_GET, "/mlflow/metrics/get-history-bulk", API_V2, API_READS, API_NEEDS(VIEWER, READ, RUNS), bulk_fields, bulk,
     API_LOOKS},
    {HTTP_GET, "/mlflow/metrics/get-history-bulk-interval", API_V2, API_READS, API_NEEDS(VIEWER, READ, RUNS),
     interval_fields, interval, API_LOOKS},
    {0},
};
