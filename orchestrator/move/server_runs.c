/* SPDX-License-Identifier: Apache-2.0
 * Runs of a server of MLflow, and their points.
 */
#include "move/measured.h"
#include "move/server_source.h"

#include <stdlib.h>
#include <string.h>

static void read_inputs(const struct json *inputs, struct arena *arena, struct moved_run *ret)
{
    const struct json *list = json_get(inputs, "dataset_inputs");
    size_t count = list != NULL && list->type == JSON_ARRAY ? list->u.array.count : 0;
    struct moved_ids models = {0};
    ret->datasets = arena_array(arena, count + 1, sizeof *ret->datasets);
    ret->dataset_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct json *dataset = json_get(&list->u.array.items[i], "dataset");
        struct moved_pairs tags = {0};
        server_pairs(&list->u.array.items[i], "tags", arena, &tags);
        ret->datasets[i] = (struct dataset_input){
            .dataset = {.name = server_text(dataset, "name"),
                        .digest = server_text(dataset, "digest"),
                        .source_type = server_text(dataset, "source_type"),
                        .source = server_text(dataset, "source"),
                        .schema = server_text_or_null(dataset, "schema"),
                        .profile = server_text_or_null(dataset, "profile")},
            .tags = tags.items,
            .tag_count = tags.count,
        };
    }
    list = json_get(inputs, "model_inputs");
    for (size_t i = 0; list != NULL && list->type == JSON_ARRAY && i < list->u.array.count; i++) {
        moved_ids_add(&models, arena, server_text(&list->u.array.items[i], "model_id"));
    }
    ret->model_inputs = models.items;
    ret->model_input_count = models.count;
}

static void read_outputs(const struct json *outputs, struct arena *arena, struct moved_run *ret)
{
    const struct json *list = json_get(outputs, "model_outputs");
    size_t count = list != NULL && list->type == JSON_ARRAY ? list->u.array.count : 0;
    ret->model_outputs = arena_array(arena, count + 1, sizeof *ret->model_outputs);
    ret->model_output_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct json *output = &list->u.array.items[i];
        ret->model_outputs[i] = (struct model_output){server_text(output, "model_id"), server_int(output, "step")};
    }
}

/* The list of runs leaves out which models were inputs: where there are models, the run is asked for by itself. */
static int ask_inputs(struct server_source *source, const char *id, const struct json *listed, struct arena *arena,
                      struct moved_run *ret, struct err *err)
{
    struct json answer;
    const char *path = arena_printf(arena, "/api/2.0/mlflow/runs/get?run_id=%s", server_escape(id, arena));
    if (source->records[MOVED_MODEL].count == 0) {
        read_inputs(json_get(listed, "inputs"), arena, ret);
        return 0;
    }
    if (server_get(source, path, arena, &answer, err) < 0) {
        return -1;
    }
    read_inputs(json_get(json_get(&answer, "run"), "inputs"), arena, ret);
    return 0;
}

int server_run(struct move_source *base, const char *id, struct arena *arena, struct moved_run *ret, struct err *err)
{
    struct json said;
    if (server_find(server_of(base), MOVED_RUN, id, arena, &said, err) < 0) {
        return -1;
    }
    const struct json *info = json_get(&said, "info");
    const char *status = server_text(info, "status");
    *ret = (struct moved_run){.info = {
        .run_id = server_text(info, "run_id"),
        .experiment_id = server_int(info, "experiment_id"),
        .name = server_text(info, "run_name"),
        .user = server_text(info, "user_id"),
        .start_ms = server_int(info, "start_time"),
        .end_ms = server_int(info, "end_time"),
        .deleted = strcmp(server_text(info, "lifecycle_stage"), "deleted") == 0,
        .artifact_uri = server_text(info, "artifact_uri"),
    }};
    if (run_status_parse(*status == '\0' ? "RUNNING" : status, &ret->info.status) < 0) {
        return err_set(err, ERR_INPUT, "its status is '%.40s': expected SCHEDULED, RUNNING, FINISHED, FAILED or KILLED",
                       status);
    }
    server_pairs(json_get(&said, "data"), "params", arena, &ret->params);
    server_pairs(json_get(&said, "data"), "tags", arena, &ret->tags);
    read_outputs(json_get(&said, "outputs"), arena, ret);
    moved_run_name(ret);
    return ask_inputs(server_of(base), id, &said, arena, ret, err);
}

/* ---- points ----------------------------------------------------------------------------------------------------- */

static int read_history(struct server_source *source, const char *run_id, const char *key, struct arena *arena,
                        struct metric_ranks *ret, struct err *err)
{
    const char *token = "";
    size_t room = 0;
    do {
        struct arena *page_arena = arena_new();
        struct json page;
        const char *path = arena_printf(page_arena, "/api/2.0/mlflow/metrics/get-history?run_id=%s&metric_key=%s"
                                                    "&max_results=25000%s%s",
                                        run_id, server_escape(key, page_arena), *token == '\0' ? "" : "&page_token=",
                                        server_escape(token, page_arena));
        int result = server_get(source, path, page_arena, &page, err);
        const struct json *list = result < 0 ? NULL : json_get(&page, "metrics");
        for (size_t i = 0; list != NULL && list->type == JSON_ARRAY && i < list->u.array.count; i++) {
            ret->items = arena_grow(arena, ret->items, ret->count, &room, sizeof *ret->items);
            ret->items[ret->count++] = server_rank(&list->u.array.items[i]);
        }
        token = result < 0 ? "" : arena_strdup(arena, server_text(&page, "next_page_token"));
        arena_free(page_arena);
        if (result < 0) {
            return -1;
        }
    } while (*token != '\0');
    return 0;
}

static size_t first_measured(const struct server_source *source, const char *run_id, const char *key)
{
    size_t low = 0;
    size_t high = source->measured_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct server_point *point = &source->measured[middle];
        int order = strcmp(point->run_id, run_id);
        bool before = order < 0 || (order == 0 && strcmp(point->key, key) < 0);
        low = before ? middle + 1 : low;
        high = before ? high : middle;
    }
    return low;
}

static bool is_of(const struct moved_series *series, const struct server_point *point)
{
    return strcmp(series->model_id, point->model_id) == 0 && strcmp(series->dataset_name, point->dataset_name) == 0 &&
           strcmp(series->dataset_digest, point->dataset_digest) == 0;
}

/* Points of one series stand together. */
static size_t gather(const struct server_point *points, size_t count, const char *key, struct arena *arena,
                     struct moved_series *ret)
{
    size_t series = 0;
    for (size_t i = 0; i < count; i++) {
        if (series == 0 || !is_of(&ret[series - 1], &points[i])) {
            ret[series++] = (struct moved_series){key, points[i].model_id, points[i].dataset_name,
                                                  points[i].dataset_digest, metric_ranks_new(arena, count - i)};
        }
        struct metric_ranks *into = &ret[series - 1].points;
        into->items[into->count++] = points[i].rank;
    }
    return series;
}

/* The history, and the points that models have of it. */
static int take_key(struct server_source *source, const char *run_id, const char *key, moved_series_take *take,
                    void *context, struct arena *arena, struct err *err)
{
    size_t from = first_measured(source, run_id, key);
    size_t end = from;
    while (end < source->measured_count && strcmp(source->measured[end].run_id, run_id) == 0 &&
           strcmp(source->measured[end].key, key) == 0) {
        end++;
    }
    struct moved_series *list = arena_array(arena, end - from + 1, sizeof *list);
    list[0] = (struct moved_series){key, "", "", "", {0}};
    size_t series = gather(source->measured + from, end - from, key, arena, list + 1);
    return read_history(source, run_id, key, arena, &list[0].points, err) < 0
               ? -1
               : measured_give(list, series + 1, take, context, err);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int server_series(struct move_source *base, const char *run_id, moved_series_take *take, void *context,
                  struct err *err)
{
    struct server_source *source = server_of(base);
    struct arena *names = arena_new();
    struct arena *arena = arena_new();
    struct json said;
    struct moved_ids keys = {0};
    int result = server_find(source, MOVED_RUN, run_id, names, &said, err);
    const struct json *list = result < 0 ? NULL : json_get(json_get(&said, "data"), "metrics");
    for (size_t i = 0; list != NULL && list->type == JSON_ARRAY && i < list->u.array.count; i++) {
        moved_ids_add(&keys, names, server_text(&list->u.array.items[i], "key"));
    }
    if (keys.count > 1) {
        qsort(keys.items, keys.count, sizeof *keys.items, compare_texts);
    }
    for (size_t i = 0; i < keys.count && result == 0; i++) {
        bool again = i > 0 && strcmp(keys.items[i - 1], keys.items[i]) == 0;
        result = again ? 0 : take_key(source, run_id, keys.items[i], take, context, arena, err);
        arena_reset(arena);
    }
    arena_free(arena);
    arena_free(names);
    return result;
}
