/* SPDX-License-Identifier: Apache-2.0
 * Runs, keys and targets of metrics as numbers: what would be 32 and more bytes in every row of a series.
 */
#include "store/metrics_internal.h"

#include <stdlib.h>
#include <string.h>

void metric_series_bind(struct stmt *s, const struct metric_series_id *id)
{
    stmt_int(s, ":run", id->run);
    stmt_int(s, ":key", id->key);
    stmt_int(s, ":target", id->target);
}

/* Steps a query of one number: 1, 0, -1. */
static int take_number(struct stmt *s, int64_t *ret, struct err *err)
{
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = stmt_column_int(s, 0);
    }
    stmt_done(s);
    return row;
}

static int take_new_number(struct store *store, struct stmt *insert, const char *what, int64_t *ret, struct err *err)
{
    if (stmt_run_one(insert, what, err) < 0) {
        return -1;
    }
    *ret = stmt_last_id(store);
    return 0;
}

int metric_run_find(struct store *store, const char *run_id, int64_t *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT id FROM metric_runs WHERE run_id = :run_id");
    stmt_text(s, ":run_id", run_id);
    return take_number(s, ret, err);
}

int metric_run_number(struct store *store, const char *run_id, int64_t *ret, struct err *err)
{
    int found = metric_run_find(store, run_id, ret, err);
    if (found != 0) {
        return found < 0 ? -1 : 0;
    }
    struct stmt *s = stmt_get(store, "INSERT INTO metric_runs (run_id) VALUES (:run_id)");
    stmt_text(s, ":run_id", run_id);
    return take_new_number(store, s, "inserting a run with metrics", ret, err);
}

int metric_key_number(struct store *store, const char *key, int64_t *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT id FROM metric_keys WHERE key = :key");
    stmt_text(s, ":key", key);
    int found = take_number(s, ret, err);
    if (found != 0) {
        return found < 0 ? -1 : 0;
    }
    s = stmt_get(store, "INSERT INTO metric_keys (key) VALUES (:key)");
    stmt_text(s, ":key", key);
    return take_new_number(store, s, "inserting a key of metrics", ret, err);
}

static void bind_target(struct stmt *s, const struct metric_target *target)
{
    stmt_str(s, ":model", str_from(target->model_id));
    stmt_str(s, ":name", str_from(target->dataset_name));
    stmt_str(s, ":digest", str_from(target->dataset_digest));
}

int metric_target_number(struct store *store, const struct metric_target *target, int64_t *ret, struct err *err)
{
    if (str_from(target->model_id).n + str_from(target->dataset_name).n + str_from(target->dataset_digest).n == 0) {
        *ret = 0;
        return 0;
    }
    struct stmt *s = stmt_get(store, "SELECT id FROM metric_targets WHERE model_id = :model AND dataset_name = :name "
                                     "AND dataset_digest = :digest");
    bind_target(s, target);
    int found = take_number(s, ret, err);
    if (found != 0) {
        return found < 0 ? -1 : 0;
    }
    s = stmt_get(store, "INSERT INTO metric_targets (model_id, dataset_name, dataset_digest) "
                        "VALUES (:model, :name, :digest)");
    bind_target(s, target);
    return take_new_number(store, s, "inserting a target of metrics", ret, err);
}

/* ---- names of numbers ------------------------------------------------------------------------------------------ */

/* Where the number stands, or would. */
static size_t place_of(struct number_names *names, int64_t number)
{
    for (size_t i = 0; i < 2 && names->count > 0; i++) { /* the one of the last time, or the one behind it */
        size_t at = (names->at + i) % names->count;
        if (names->items[at].number == number) {
            return names->at = at;
        }
    }
    size_t low = 0;
    for (size_t high = names->count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (names->items[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return names->at = low;
}

void number_names_want(struct number_names *names, int64_t number, struct arena *arena)
{
    size_t at = place_of(names, number);
    if (at < names->count && names->items[at].number == number) {
        return;
    }
    names->items = arena_grow(arena, names->items, names->count, &names->room, sizeof *names->items);
    memmove(&names->items[at + 1], &names->items[at], (names->count - at) * sizeof *names->items);
    names->items[at] = (struct number_name){.number = number};
    names->count++;
}

const struct number_name *number_names_find(struct number_names *names, int64_t number)
{
    return &names->items[place_of(names, number)];
}

/* Reads rows (number, text, ...) for all of them. */
static int read_names(struct stmt *s, struct number_names *names, size_t texts, struct arena *arena, struct err *err)
{
    struct json numbers = json_array();
    size_t found = 0;
    int row = 0;
    for (size_t i = 0; i < names->count; i++) {
        json_push(arena, &numbers, json_int(names->items[i].number));
    }
    stmt_str(s, ":numbers", json_text(arena, &numbers));
    while ((row = stmt_step(s, err)) == 1) {
        struct number_name *name = &names->items[place_of(names, stmt_column_int(s, 0))];
        for (size_t i = 0; i < texts; i++) {
            name->texts[i] = stmt_column_text(s, (int)i + 1, arena);
        }
        found++;
    }
    stmt_done(s);
    return row < 0 ? -1
           : found == names->count
               ? 0
               : err_set(err, ERR_CORRUPT, "the store is damaged: a series of metrics is of a key or a model that is "
                                           "not there");
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(const struct number_name *const *)a)->texts[0], (*(const struct number_name *const *)b)->texts[0]);
}

static void rank_names(const struct number_names *names, struct arena *arena)
{
    struct number_name **sorted = arena_array(arena, names->count, sizeof *sorted);
    for (size_t i = 0; i < names->count; i++) {
        sorted[i] = &names->items[i];
    }
    if (names->count > 0) {
        qsort(sorted, names->count, sizeof *sorted, compare_names);
    }
    for (size_t i = 0; i < names->count; i++) {
        sorted[i]->rank = i;
    }
}

int metric_names_read(struct store *store, struct number_names *keys, struct number_names *targets,
                      struct arena *arena, struct err *err)
{
    struct stmt *s =
        stmt_get(store, "SELECT id, key FROM metric_keys WHERE id IN (SELECT value FROM json_each(:numbers))");
    if (read_names(s, keys, 1, arena, err) < 0) {
        return -1;
    }
    rank_names(keys, arena);
    s = stmt_get(store, "SELECT id, model_id, dataset_name, dataset_digest FROM metric_targets "
                        "WHERE id IN (SELECT value FROM json_each(:numbers))");
    return targets->count == 0 ? 0 : read_names(s, targets, 3, arena, err);
}
