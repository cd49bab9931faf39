/* SPDX-License-Identifier: Apache-2.0
 * Logging metrics: a batch is checked, sorted by series, and each series touched once (metric_series.c).
 */
#include "store/metrics.h"

#include "base/str_index.h"
#include "store/key_rules.h"
#include "store/metrics_internal.h"
#include "store/runs.h"

#include <stdio.h>
#include <string.h>

/* ---- checks ---------------------------------------------------------------------------------------- */

static int check_key(const char *key, size_t i, struct err *err)
{
    char parameter[64];
    (void)snprintf(parameter, sizeof parameter, "metrics[%zu].name", i);
    return key_check_whole(parameter, "Metric name", key, err);
}

static int check_time(const struct metric_point *point, size_t i, struct err *err)
{
    return point->time_ms >= 0
               ? 0
               : err_set(err, ERR_INPUT,
                         "Invalid value %lld for parameter 'metrics[%zu].timestamp' supplied: metric '%s' "
                         "(value=%g). Timestamp must be a nonnegative long (64-bit integer) ",
                         (long long)point->time_ms, i, point->key, point->value);
}

/* ---- a batch by key -------------------------------------------------------------------------------- */

enum { SEEN_SLOTS_FEW = 256, SEEN_SLOTS_MANY = 4096 };

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
    size_t seen_slots;
};

static struct seen_key *slot_of(const struct key_list *list, const char *key)
{
    uint64_t mixed = (uint64_t)(uintptr_t)key * 0x9e3779b97f4a7c15;
    return &list->seen[(mixed >> 32) % list->seen_slots];
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
        if (number_of(list, arena, points[i].key, i, &number, err) < 0 || check_time(&points[i], i, err) < 0) {
            return -1;
        }
        numbers[i] = (uint32_t)number;
        list->counts[number]++;
    }
    return 0;
}

/* The points of each key side by side, in the order they came. */
static struct metric_ranks *by_key(const struct key_list *list, const struct metric_point *points, size_t count,
                                   const uint32_t *numbers, struct arena *arena)
{
    struct metric_ranks *groups = arena_array(arena, list->count, sizeof *groups);
    struct metric_rank *next = arena_array(arena, count, sizeof *next);
    for (size_t k = 0; k < list->count; k++) {
        groups[k].items = next;
        next += list->counts[k];
    }
    for (size_t i = 0; i < count; i++) {
        struct metric_ranks *group = &groups[numbers[i]];
        group->items[group->count++] = metric_rank_of(points[i].value, points[i].step, points[i].time_ms);
    }
    return groups;
}

static int log_batch(struct store *store, const struct metric_target *target, const struct metric_point *points,
                     size_t count, struct arena *arena, struct err *err)
{
    struct key_list *list = arena_one(arena, struct key_list);
    list->index = str_index_new(arena, 32);
    list->seen_slots = count > SEEN_SLOTS_MANY ? SEEN_SLOTS_MANY : SEEN_SLOTS_FEW;
    list->seen = arena_array(arena, list->seen_slots, sizeof *list->seen);
    uint32_t *numbers = arena_array(arena, count, sizeof *numbers);
    int64_t run = 0;
    int64_t target_number = 0;
    if (number_keys(list, points, count, numbers, arena, err) < 0 ||
        store_run_require_active(store, target->run_id, err) < 0) {
        return -1;
    }
    if (count == 0) {
        return 0;
    }
    if (metric_run_number(store, target->run_id, &run, err) < 0 ||
        metric_target_number(store, target, &target_number, err) < 0) {
        return -1;
    }
    struct metric_ranks *groups = by_key(list, points, count, numbers, arena);
    struct arena *scratch = arena_new();
    int result = 0;
    for (size_t k = 0; k < list->count && result == 0; k++) {
        result = metric_series_add(store, run, target_number, list->keys[k], &groups[k], scratch, err);
        arena_reset(scratch);
    }
    arena_free(scratch);
    return result;
}

int store_metrics_log(struct store *store, const struct metric_target *target, const struct metric_point *points,
                      size_t count, struct err *err)
{
    struct arena *arena = arena_new();
    int result = log_batch(store, target, points, count, arena, err);
    arena_free(arena);
    return result;
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
