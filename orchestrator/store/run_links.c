/* SPDX-License-Identifier: Apache-2.0
 * A run's datasets and models, as MLflow's clients log and read them.
 */
#include "store/run_links.h"

#include "store/key_rules.h"
#include "store/metrics.h"
#include "store/runs_internal.h"
#include "store/stmt.h"

#include <string.h>

#define CONTEXT_TAG "mlflow.data.context"
enum { DATASETS_MAX = 1000, TAG_KEY_CHARACTERS_MAX = 255, TAG_VALUE_CHARACTERS_MAX = 500 };

/* ---- logging ----------------------------------------------------------------------------------------------- */

static int check_input(const struct dataset_input *input, struct err *err)
{
    if (run_dataset_check(&input->dataset, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < input->tag_count; i++) {
        if (str_from(input->tags[i].key).n == 0) {
            return err_set(err, ERR_INPUT, "InputTag key cannot be None");
        }
        if (value_check_length("key", input->tags[i].key, TAG_KEY_CHARACTERS_MAX, err) < 0 ||
            value_check_length("value", input->tags[i].value, TAG_VALUE_CHARACTERS_MAX, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* 1 when the run did not use it yet, 0, -1. */
static int link_dataset(struct store *store, const char *run_id, int64_t dataset, const char *context, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO run_datasets (run_id, dataset, context) "
                                     "VALUES (:run_id, :dataset, :context) ON CONFLICT (run_id, dataset) DO NOTHING");
    stmt_text(s, ":run_id", run_id);
    stmt_int(s, ":dataset", dataset);
    stmt_text(s, ":context", context);
    return (int)stmt_run(s, err);
}

/* The last word on a key counts. */
static int put_tag(struct store *store, const char *run_id, int64_t dataset, const struct pair *tag, struct err *err)
{
    if (strcmp(tag->key, CONTEXT_TAG) == 0) {
        return 0;
    }
    struct stmt *s = stmt_get(store, "INSERT INTO run_dataset_tags (run_id, dataset, key, value) "
                                     "VALUES (:run_id, :dataset, :key, :value) ON CONFLICT (run_id, dataset, key) "
                                     "DO UPDATE SET value = excluded.value");
    stmt_text(s, ":run_id", run_id);
    stmt_int(s, ":dataset", dataset);
    stmt_text(s, ":key", tag->key);
    stmt_text(s, ":value", tag->value == NULL ? "" : tag->value);
    return stmt_run_one(s, "tagging a dataset of a run", err);
}

static int log_input(struct store *store, const char *run_id, int64_t experiment_id, const struct dataset_input *input,
                     struct err *err)
{
    const char *context = NULL;
    int64_t dataset = 0;
    for (size_t i = 0; i < input->tag_count; i++) {
        if (strcmp(input->tags[i].key, CONTEXT_TAG) == 0) {
            context = input->tags[i].value == NULL ? "" : input->tags[i].value;
        }
    }
    int is_new = run_dataset_put(store, experiment_id, &input->dataset, &dataset, err) < 0
                     ? -1
                     : link_dataset(store, run_id, dataset, context, err);
    for (size_t i = 0; is_new == 1 && i < input->tag_count; i++) {
        if (put_tag(store, run_id, dataset, &input->tags[i], err) < 0) {
            return -1;
        }
    }
    return is_new < 0 ? -1 : 0;
}

static int experiment_of(struct store *store, const char *run_id, int64_t *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT experiment_id FROM runs WHERE run_id = :run_id");
    stmt_text(s, ":run_id", run_id);
    int row = stmt_step(s, err);
    *ret = row == 1 ? stmt_column_int(s, 0) : 0;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

int store_run_inputs_log(struct store *store, const char *run_id, const struct dataset_input *datasets,
                         size_t dataset_count, const char *const *model_ids, size_t model_count, struct err *err)
{
    int64_t experiment_id = 0;
    if (run_id_check(run_id, err) < 0) {
        return -1;
    }
    if (dataset_count > DATASETS_MAX) {
        return err_set(err, ERR_INPUT, "a call logs at most %d datasets, got %zu", DATASETS_MAX, dataset_count);
    }
    for (size_t i = 0; i < dataset_count; i++) {
        if (check_input(&datasets[i], err) < 0) {
            return -1;
        }
    }
    if (store_run_require_active(store, run_id, err) < 0 || experiment_of(store, run_id, &experiment_id, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < dataset_count; i++) {
        if (log_input(store, run_id, experiment_id, &datasets[i], err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < model_count; i++) {
        if (run_model_put(store, run_id, model_ids[i], false, 0, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int store_run_outputs_log(struct store *store, const char *run_id, const struct model_output *outputs, size_t count,
                          struct err *err)
{
    if (store_run_require_active(store, run_id, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (run_model_put(store, run_id, outputs[i].model_id, true, outputs[i].step, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- reading ----------------------------------------------------------------------------------------------- */

static int read_tags(struct store *store, const char *run_id, struct dataset_input *input, struct arena *arena,
                     struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT '" CONTEXT_TAG "' AS key, context FROM run_datasets "
                                     "WHERE run_id = :run_id AND dataset = :dataset AND context IS NOT NULL "
                                     "UNION ALL SELECT key, value FROM run_dataset_tags "
                                     "WHERE run_id = :run_id AND dataset = :dataset ORDER BY key");
    struct pair *tags = NULL;
    size_t room = 0;
    int row = 0;
    stmt_text(s, ":run_id", run_id);
    stmt_int(s, ":dataset", input->dataset.id);
    while ((row = stmt_step(s, err)) == 1) {
        tags = arena_grow(arena, tags, input->tag_count, &room, sizeof *tags);
        tags[input->tag_count++] = (struct pair){stmt_column_text(s, 0, arena), stmt_column_text(s, 1, arena)};
    }
    stmt_done(s);
    input->tags = tags;
    return row;
}

struct reading {
    struct arena *arena;
    struct run_links *links; /* of each run of the list */
    struct room {
        size_t datasets, inputs, outputs;
    } *rooms;
};

static void take_dataset(void *ctx, size_t run, struct stmt *s)
{
    struct reading *reading = ctx;
    struct run_links *links = &reading->links[run];
    links->datasets = arena_grow(reading->arena, links->datasets, links->dataset_count, &reading->rooms[run].datasets,
                                 sizeof *links->datasets);
    struct dataset_input *input = &links->datasets[links->dataset_count++];
    *input = (struct dataset_input){0};
    run_dataset_of_row(s, reading->arena, &input->dataset);
}

static void take_model(void *ctx, size_t run, struct stmt *s)
{
    struct reading *reading = ctx;
    struct run_links *links = &reading->links[run];
    struct room *rooms = &reading->rooms[run];
    const char *model_id = stmt_column_text(s, 2, reading->arena);
    if (stmt_column_int(s, 1) != 0) {
        links->model_outputs = arena_grow(reading->arena, links->model_outputs, links->model_output_count,
                                          &rooms->outputs, sizeof *links->model_outputs);
        links->model_outputs[links->model_output_count++] = (struct model_output){model_id, stmt_column_int(s, 3)};
    } else {
        links->model_inputs = arena_grow(reading->arena, links->model_inputs, links->model_input_count, &rooms->inputs,
                                         sizeof *links->model_inputs);
        links->model_inputs[links->model_input_count++] = model_id;
    }
}

int run_links_of_list(struct store *store, const struct run_list *list, struct arena *arena, struct run_links *ret,
                      struct err *err)
{
    static const char datasets[] = "SELECT u.run_id, " DATASET_COLUMNS " FROM run_datasets AS u JOIN datasets AS d ON "
                                   "d.id = u.dataset WHERE u.run_id IN " RUN_LIST
                                   " ORDER BY u.run_id, u.dataset";
    static const char models[] = "SELECT run_id, is_output, model_id, step FROM run_models WHERE run_id IN " RUN_LIST
                                 " ORDER BY run_id, model_id, is_output, step";
    struct reading reading = {arena, ret, arena_array(arena, list->count, sizeof *reading.rooms)};
    memset(ret, 0, list->count * sizeof *ret);
    if (run_list_read(list, stmt_get(store, datasets), take_dataset, &reading, err) < 0 ||
        run_list_read(list, stmt_get(store, models), take_model, &reading, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < list->count; i++) {
        for (size_t k = 0; k < ret[i].dataset_count; k++) {
            if (read_tags(store, list->ids[i], &ret[i].datasets[k], arena, err) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

int store_run_links(struct store *store, const char *run_id, struct arena *arena, struct run_links *ret,
                    struct err *err)
{
    struct run_list list = run_list_of(&run_id, 1, arena);
    struct run_links links;
    if (run_links_of_list(store, &list, arena, &links, err) < 0) {
        return -1;
    }
    *ret = links;
    return 0;
}
