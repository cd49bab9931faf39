/* SPDX-License-Identifier: Apache-2.0
 * Logging metrics: a batch is checked, sorted by series, and each series touched once (metric_series.c).
 */
#include "store/metrics.h"

#include "base/str_index.h"
#include "store/key_rules.h"
#include "store/metrics_internal.h"
#include "store/python_quote.h"
#include "store/runs.h"
#include "store/store_internal.h"

#include <stdio.h>
#include <string.h>

/* ---- checks ---------------------------------------------------------------------------------------- */

int metric_key_check(const char *place, const char *key, struct err *err)
{
    if (key_check_whole("", "Metric name", key, NULL) == 0) {
        return 0;
    }
    char parameter[64];
    (void)snprintf(parameter, sizeof parameter, "%sname", place);
    return key_check_whole(parameter, "Metric name", key, err);
}

int metric_time_check(const char *place, const char *key, double value, int64_t time_ms, struct err *err)
{
    if (time_ms >= 0) {
        return 0;
    }
    struct strbuf number;
    strbuf_init(&number, 64);
    python_number(&number, value);
    (void)err_set(err, ERR_INPUT,
                  "Invalid value %lld for parameter '%stimestamp' supplied: metric '%s' (value=%s). Timestamp must be "
                  "a nonnegative long (64-bit integer) ",
                  (long long)time_ms, place, key, number.data);
    strbuf_clear(&number);
    return -1;
}

const char *metric_place(size_t i, char room[METRIC_PLACE_ROOM])
{
    (void)snprintf(room, METRIC_PLACE_ROOM, "metrics[%zu].", i);
    return room;
}

static int check_key(const char *key, size_t i, struct err *err)
{
    char place[METRIC_PLACE_ROOM];
    return metric_key_check("", key, NULL) == 0 ? 0 : metric_key_check(metric_place(i, place), key, err);
}

static int check_time(const char *key, double value, int64_t time_ms, size_t i, struct err *err)
{
    char place[METRIC_PLACE_ROOM];
    return time_ms >= 0 ? 0 : metric_time_check(metric_place(i, place), key, value, time_ms, err);
}

/* ---- a batch by key -------------------------------------------------------------------------------- */

enum { SEEN_SLOTS = 256 };

/* Which of the batch's keys each point has. Points of one key mostly have it at one address: `seen` remembers those. */
struct key_list {
    struct str_index *index;
    const char **keys;
    size_t *counts; /* points of each */
    size_t count;
    size_t room;
    size_t counts_room;
    struct seen_key {
        const char *address;
        size_t number;
    } *seen;
};

static struct seen_key *slot_of(const struct key_list *list, const char *key)
{
    uint64_t mixed = (uint64_t)(uintptr_t)key * 0x9e3779b97f4a7c15;
    return &list->seen[(mixed >> 32) % SEEN_SLOTS];
}

static int number_of(struct key_list *list, struct arena *arena, const char *key, size_t i, size_t *ret,
                     struct err *err)
{
    struct seen_key *seen = slot_of(list, key);
    if (key != NULL && seen->address == key) {
        *ret = seen->number;
        return 0;
    }
    ptrdiff_t found = str_index_find(list->index, str_from(key));
    if (found < 0) {
        if (check_key(key, i, err) < 0) {
            return -1;
        }
        found = (ptrdiff_t)str_index_add(list->index, str_from(key));
        list->keys = arena_grow(arena, list->keys, list->count, &list->room, sizeof *list->keys);
        list->counts = arena_grow(arena, list->counts, list->count, &list->counts_room, sizeof *list->counts);
        list->keys[list->count] = key;
        list->counts[list->count++] = 0;
    }
    *ret = (size_t)found;
    *seen = (struct seen_key){key, *ret};
    return 0;
}

/* Checks the points and gives each the number of its key. */
static int number_keys(struct key_list *list, const struct metric_point *points, size_t count, uint32_t *numbers,
                       struct arena *arena, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        size_t number = 0;
        const struct metric_point *point = &points[i];
        if (number_of(list, arena, point->key, i, &number, err) < 0 ||
            check_time(point->key, point->value, point->time_ms, i, err) < 0) {
            return -1;
        }
        numbers[i] = (uint32_t)number;
        list->counts[number]++;
    }
    return 0;
}

/* The points of each key side by side, in the order they came. */
static struct metric_list *by_key(const struct key_list *list, const struct metric_point *points, size_t count,
                                  const uint32_t *numbers, struct arena *arena)
{
    struct metric_list *lists = arena_array(arena, list->count, sizeof *lists);
    struct metric_rank *next = arena_array(arena, count, sizeof *next);
    for (size_t k = 0; k < list->count; k++) {
        lists[k] = (struct metric_list){.key = list->keys[k], .points.items = next};
        next += list->counts[k];
    }
    for (size_t i = 0; i < count; i++) {
        struct metric_ranks *ranks = &lists[numbers[i]].points;
        ranks->items[ranks->count++] = metric_rank_of(points[i].value, points[i].step, points[i].time_ms);
    }
    return lists;
}

/* ---- lists ----------------------------------------------------------------------------------------- */

enum { MANY_LISTS = 256 }; /* each takes a page for its block, some ten share one for their rows */

/* What was checked, of a run that is active. */
static int add_lists(struct store *store, const struct metric_target *target, struct metric_list *lists, size_t count,
                     struct err *err)
{
    int64_t run = 0;
    int64_t target_number = 0;
    if (count == 0) {
        return 0;
    }
    if (metric_run_number(store, target->run_id, &run, err) < 0 ||
        metric_target_number(store, target, &target_number, err) < 0) {
        return -1;
    }
    struct arena *scratch = arena_new();
    int result = 0;
    for (size_t k = 0; k < count && result == 0; k++) {
        result = metric_series_add(store, run, target_number, lists[k].key, &lists[k].points, scratch, err);
        arena_reset(scratch);
    }
    arena_free(scratch);
    return result;
}

static int check_list(const struct metric_list *list, size_t i, struct err *err)
{
    if (check_key(list->key, i, err) < 0) {
        return -1;
    }
    for (size_t k = 0; k < list->points.count; k++) {
        const struct metric_rank *point = &list->points.items[k];
        if (check_time(list->key, point->value, point->time_ms, i, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int store_metrics_log_lists(struct store *store, const struct metric_target *target, struct metric_list *lists,
                            size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (check_list(&lists[i], i, err) < 0) {
            return -1;
        }
    }
    if (count >= MANY_LISTS) {
        store_expect_many_pages(store);
    }
    return store_run_require_active(store, target->run_id, err) < 0 ? -1
                                                                    : add_lists(store, target, lists, count, err);
}

/* ---- batches --------------------------------------------------------------------------------------- */

static int log_batch(struct store *store, const struct metric_target *target, const struct metric_point *points,
                     size_t count, struct arena *arena, struct err *err)
{
    struct key_list *list = arena_one(arena, struct key_list);
    list->index = str_index_new(arena, 32);
    list->seen = arena_array(arena, SEEN_SLOTS, sizeof *list->seen);
    uint32_t *numbers = arena_array(arena, count, sizeof *numbers);
    if (number_keys(list, points, count, numbers, arena, err) < 0) {
        return -1;
    }
    return add_lists(store, target, by_key(list, points, count, numbers, arena), list->count, err);
}

static int log_one(struct store *store, const struct metric_target *target, const struct metric_point *point,
                   struct err *err)
{
    struct metric_rank rank = metric_rank_of(point->value, point->step, point->time_ms);
    struct metric_list list = {.key = point->key, .points = {.items = &rank, .count = 1}};
    return check_list(&list, 0, err) < 0 ? -1 : add_lists(store, target, &list, 1, err);
}

int metrics_log_active(struct store *store, const struct metric_target *target, const struct metric_point *points,
                       size_t count, struct err *err)
{
    if (count == 1) {
        return log_one(store, target, points, err);
    }
    struct arena *arena = arena_new();
    int result = log_batch(store, target, points, count, arena, err);
    arena_free(arena);
    return result;
}

int store_metrics_log(struct store *store, const struct metric_target *target, const struct metric_point *points,
                      size_t count, struct err *err)
{
    return store_run_require_active(store, target->run_id, err) < 0
               ? -1
               : metrics_log_active(store, target, points, count, err);
}

/* ---- deleting -------------------------------------------------------------------------------------- */

int store_metrics_delete_run(struct store *store, const char *run_id, struct err *err)
{
    int64_t run = 0;
    int found = metric_run_find(store, run_id, &run, err);
    if (found <= 0) {
        return found;
    }
    static const char *const deletions[] = {
        "DELETE FROM metric_blocks WHERE run = :run",
        "DELETE FROM metric_summaries WHERE run = :run",
        "DELETE FROM metric_runs WHERE id = :run",
    };
    for (size_t i = 0; i < sizeof deletions / sizeof deletions[0]; i++) {
        struct stmt *s = stmt_get(store, deletions[i]);
        stmt_int(s, ":run", run);
        if (stmt_run(s, err) < 0) {
            return -1;
        }
    }
    return 0;
}
