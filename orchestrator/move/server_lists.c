/* SPDX-License-Identifier: Apache-2.0
 * What a server of MLflow lists, page by page.
 */
#include "move/server_source.h"

#include <stdlib.h>
#include <string.h>

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const struct server_record *)a)->id, ((const struct server_record *)b)->id);
}

static int compare_numbers(const void *a, const void *b)
{
    long long left = strtoll(((const struct server_record *)a)->id, NULL, 10);
    long long right = strtoll(((const struct server_record *)b)->id, NULL, 10);
    return left < right ? -1 : left > right;
}

static const char *id_of(enum moved_kind kind, const struct json *item)
{
    const struct json *info = json_get(item, "info");
    return kind == MOVED_EXPERIMENT ? server_text(item, "experiment_id")
           : kind == MOVED_RUN      ? server_text(info, "run_id")
           : kind == MOVED_MODEL    ? server_text(info, "model_id")
           : kind == MOVED_TRACE    ? server_trace_id(item)
                                    : server_text(item, "name");
}

/* Each point is kept for the run that measured it. */
static void note_measured(struct server_source *source, const struct json *item)
{
    const struct json *list = json_get(json_get(item, "data"), "metrics");
    struct arena *arena = source->arena;
    for (size_t i = 0; list != NULL && list->type == JSON_ARRAY && i < list->u.array.count; i++) {
        const struct json *point = &list->u.array.items[i];
        source->measured = arena_grow(arena, source->measured, source->measured_count, &source->measured_room,
                                      sizeof *source->measured);
        source->measured[source->measured_count++] = (struct server_point){
            arena_strdup(arena, server_text(point, "run_id")),
            arena_strdup(arena, server_text(point, "key")),
            arena_strdup(arena, id_of(MOVED_MODEL, item)),
            arena_strdup(arena, server_text(point, "dataset_name")),
            arena_strdup(arena, server_text(point, "dataset_digest")),
            server_rank(point),
        };
    }
}

static void keep(struct server_source *source, enum moved_kind kind, const struct json *list)
{
    struct server_records *records = &source->records[kind];
    for (size_t i = 0; list != NULL && list->type == JSON_ARRAY && i < list->u.array.count; i++) {
        const struct json *item = &list->u.array.items[i];
        records->items = arena_grow(source->arena, records->items, records->count, &records->room,
                                    sizeof *records->items);
        records->items[records->count++] = (struct server_record){
            arena_strdup(source->arena, id_of(kind, item)),
            json_text(source->arena, item),
        };
        if (kind == MOVED_MODEL) {
            note_measured(source, item);
        } else if (kind == MOVED_TRACE) {
            server_note_trace(source, item);
        }
    }
}

int server_read_pages(struct server_source *source, enum moved_kind kind, const char *path, const struct json *body,
                      const char *list, struct err *err)
{
    const char *token = "";
    struct arena *kept = arena_new(); /* of the token, while its page is gone */
    int result = 0;
    do {
        struct arena *arena = arena_new();
        struct json page = json_null();
        struct str answer = {0};
        int status = 0;
        if (body == NULL) {
            const char *url = arena_printf(arena, "%s%s%s", path, *token == '\0' ? "" : "&page_token=",
                                           server_escape(token, arena));
            result = server_get(source, url, arena, &page, err);
        } else {
            struct json request = json_copy(arena, body);
            if (*token != '\0') {
                json_set(arena, &request, "page_token", json_cstring(arena, token));
            }
            struct str text = json_text(arena, &request);
            result = source->door.ask(source->door.context, path, &text, arena, &status, &answer, err);
            if (result == 0 && status != 200) {
                result = err_set(err, status == 404 ? ERR_NOT_FOUND : ERR_IO, "the server answered %s with status %d: "
                                 "%.200s", path, status, answer.n == 0 ? "" : answer.p);
            }
            result = result < 0 ? -1 : json_read(answer, (struct json_limits){0}, arena, &page, err);
        }
        keep(source, kind, result < 0 ? NULL : json_get(&page, list));
        token = result < 0 ? "" : arena_strdup(kept, server_text(&page, "next_page_token"));
        arena_free(arena);
    } while (result == 0 && *token != '\0');
    arena_free(kept);
    return result;
}

/* Of runs and models a request names some of the experiments. */
static int read_of_experiments(struct server_source *source, enum moved_kind kind, const char *path, const char *list,
                               struct err *err)
{
    const struct server_records *experiments = &source->records[MOVED_EXPERIMENT];
    int result = 0;
    for (size_t from = 0; from < experiments->count && result == 0; from += SERVER_EXPERIMENTS_AT_ONCE) {
        struct arena *arena = arena_new();
        struct json body = json_object();
        struct json some = json_array();
        for (size_t i = from; i < experiments->count && i < from + SERVER_EXPERIMENTS_AT_ONCE; i++) {
            json_push(arena, &some, json_cstring(arena, experiments->items[i].id));
        }
        json_add(arena, &body, "experiment_ids", some);
        json_add(arena, &body, "max_results", json_int(kind == MOVED_RUN ? 1000 : 50));
        if (kind == MOVED_RUN) {
            json_add(arena, &body, "run_view_type", json_cstring(arena, "ALL"));
        }
        result = server_read_pages(source, kind, path, &body, list, err);
        arena_free(arena);
    }
    return result;
}

static int compare_points(const void *a, const void *b)
{
    const struct server_point *left = a;
    const struct server_point *right = b;
    int order = strcmp(left->run_id, right->run_id);
    order = order != 0 ? order : strcmp(left->key, right->key);
    order = order != 0 ? order : strcmp(left->model_id, right->model_id);
    order = order != 0 ? order : strcmp(left->dataset_name, right->dataset_name);
    return order != 0 ? order : strcmp(left->dataset_digest, right->dataset_digest);
}

/* MLflow 2 has no logged models, and says so with a 404. */
static int read_models(struct server_source *source, struct err *err)
{
    struct err wrong = {0};
    if (read_of_experiments(source, MOVED_MODEL, "/api/2.0/mlflow/logged-models/search", "models", &wrong) < 0) {
        return wrong.code == ERR_NOT_FOUND ? 0 : err_set(err, wrong.code, "%s", wrong.message);
    }
    if (source->measured_count > 1) {
        qsort(source->measured, source->measured_count, sizeof *source->measured, compare_points);
    }
    move_report_note(source->base.report, "deleted logged models are not read from a server: they are in its database");
    return 0;
}

/* MLflow 3 lists prompts only when it is asked for them; 2 has none. */
static int read_registry(struct server_source *source, struct err *err)
{
    static const char models[] = "/api/2.0/mlflow/registered-models/search?max_results=1000";
    struct err wrong = {0};
    if (server_read_pages(source, MOVED_REGISTERED, models, NULL, "registered_models", err) < 0) {
        return -1;
    }
    struct arena *arena = arena_new();
    const char *filter = server_escape("tags.`mlflow.prompt.is_prompt` = 'true'", arena);
    const char *prompts = arena_printf(arena, "%s&filter=%s", models, filter);
    int result = server_read_pages(source, MOVED_REGISTERED, prompts, NULL, "registered_models", &wrong);
    arena_free(arena);
    return result < 0 ? err_set(err, wrong.code, "%s", wrong.message) : 0;
}

static void settle(struct server_records *records, enum moved_kind kind)
{
    size_t kept = 0;
    if (records->count > 1) {
        qsort(records->items, records->count, sizeof *records->items,
              kind == MOVED_EXPERIMENT ? compare_numbers : compare_ids);
    }
    for (size_t i = 0; i < records->count; i++) { /* what came while pages were turned may be on two */
        if (kept == 0 || strcmp(records->items[kept - 1].id, records->items[i].id) != 0) {
            records->items[kept++] = records->items[i];
        }
    }
    records->count = kept;
    records->read = true;
}

static int read_experiments(struct server_source *source, struct err *err)
{
    struct arena *arena = arena_new();
    struct json body = json_object();
    json_add(arena, &body, "view_type", json_cstring(arena, "ALL"));
    json_add(arena, &body, "max_results", json_int(1000));
    int result =
        server_read_pages(source, MOVED_EXPERIMENT, "/api/2.0/mlflow/experiments/search", &body, "experiments", err);
    arena_free(arena);
    return result;
}

static int read_runs(struct server_source *source, struct err *err)
{
    return read_of_experiments(source, MOVED_RUN, "/api/2.0/mlflow/runs/search", "runs", err);
}

int server_list(struct server_source *source, enum moved_kind kind, struct err *err)
{
    static int (*const lists[MOVED_KINDS])(struct server_source *, struct err *) = {
        [MOVED_EXPERIMENT] = read_experiments, [MOVED_RUN] = read_runs,          [MOVED_MODEL] = read_models,
        [MOVED_REGISTERED] = read_registry,    [MOVED_TRACE] = server_list_traces,
    };
    int result = lists[kind](source, err);
    settle(&source->records[kind], kind);
    return result;
}
