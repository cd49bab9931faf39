/* SPDX-License-Identifier: Apache-2.0
 * Reading metrics: latest values from the summaries of the series, histories from the union of their points.
 */
#include "store/metrics.h"
#include "store/metrics_internal.h"

#include <math.h>
#include <string.h>

#define SERIES_COLUMNS                                                                                                 \
    "key, dataset_name, dataset_digest, count, latest_value, latest_is_nan, latest_step, latest_ms, min_value, "       \
    "max_value"

static const char *text_or_null(struct stmt *s, int column, struct arena *arena)
{
    const char *text = stmt_column_text(s, column, arena);
    return *text == '\0' ? NULL : text;
}

static struct metric_latest read_series(struct stmt *s, struct arena *arena)
{
    return (struct metric_latest){
        .key = stmt_column_text(s, 0, arena),
        .dataset_name = text_or_null(s, 1, arena),
        .dataset_digest = text_or_null(s, 2, arena),
        .count = stmt_column_int(s, 3),
        .value = stmt_column_int(s, 5) != 0 ? (double)NAN : stmt_column_real(s, 4),
        .step = stmt_column_int(s, 6),
        .time_ms = stmt_column_int(s, 7),
        .min = stmt_column_is_null(s, 8) ? (double)NAN : stmt_column_real(s, 8),
        .max = stmt_column_is_null(s, 9) ? (double)NAN : stmt_column_real(s, 9),
    };
}

static struct metric_rank rank_of(const struct metric_latest *metric)
{
    bool is_nan = isnan(metric->value);
    return (struct metric_rank){
        .value = is_nan ? 0 : metric->value, .is_nan = is_nan, .step = metric->step, .time_ms = metric->time_ms};
}

/* On a tie the later one says where the point was measured: series without a dataset come first. fmin and fmax prefer
 * numbers to NaN. */
static void merge(struct metric_latest *into, const struct metric_latest *other)
{
    struct metric_latest merged = *into;
    struct metric_rank old = rank_of(into);
    struct metric_rank new = rank_of(other);
    if (metric_rank_compare(&new, &old) >= 0) {
        merged = *other;
    }
    merged.count = into->count + other->count;
    merged.min = fmin(into->min, other->min);
    merged.max = fmax(into->max, other->max);
    *into = merged;
}

static bool same_text(const char *a, const char *b)
{
    return str_eq(str_from(a), str_from(b));
}

static bool same_key(const struct metric_latest *a, const struct metric_latest *b)
{
    return same_text(a->key, b->key);
}

/* Data are known by their digest; by name only where there is none. */
static bool same_key_and_dataset(const struct metric_latest *a, const struct metric_latest *b)
{
    return same_key(a, b) && same_text(a->dataset_digest, b->dataset_digest) &&
           (a->dataset_digest != NULL || same_text(a->dataset_name, b->dataset_name));
}

struct latest_list {
    struct metric_latest *items;
    bool *merged; /* of more than one series */
    size_t count;
};

/* Neighbours that `same` calls one become one. */
static int read_latest(struct stmt *s, bool (*same)(const struct metric_latest *, const struct metric_latest *),
                       struct arena *arena, struct latest_list *ret, struct err *err)
{
    struct latest_list list = {0};
    size_t item_room = 0;
    size_t merged_room = 0;
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        struct metric_latest metric = read_series(s, arena);
        if (list.count > 0 && same(&list.items[list.count - 1], &metric)) {
            merge(&list.items[list.count - 1], &metric);
            list.merged[list.count - 1] = true;
            continue;
        }
        list.items = arena_grow(arena, list.items, list.count, &item_room, sizeof *list.items);
        list.merged = arena_grow(arena, list.merged, list.count, &merged_room, sizeof *list.merged);
        list.items[list.count] = metric;
        list.merged[list.count++] = false;
    }
    stmt_done(s);
    *ret = list;
    return row;
}

/* ---- the points of a key ---------------------------------------------------------------------------- */

/* The series of a key of a run, read side by side: their union. */
struct metric_union {
    struct metric_cursor **cursors;
    size_t count;
};

static int open_union(struct store *store, const char *run_id, const char *key, struct arena *arena,
                      struct metric_union *ret, struct err *err)
{
    struct metric_union all = {0};
    size_t room = 0;
    struct stmt *s = stmt_get(store, "SELECT s.run, s.key, s.target FROM metric_summaries AS s "
                                     "JOIN metric_runs AS r ON r.id = s.run JOIN metric_keys AS k ON k.id = s.key "
                                     "WHERE r.run_id = :run_id AND k.key = :key");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":key", key);
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        struct metric_series_id id = {stmt_column_int(s, 0), stmt_column_int(s, 1), stmt_column_int(s, 2)};
        all.cursors = arena_grow(arena, all.cursors, all.count, &room, sizeof(struct metric_cursor *));
        all.cursors[all.count++] = metric_cursor_new(store, &id);
    }
    stmt_done(s);
    *ret = all;
    return row;
}

static void close_union(const struct metric_union *all)
{
    for (size_t i = 0; i < all->count; i++) {
        metric_cursor_free(all->cursors[i]);
    }
}

/* The next point; one that stands in several series once: 1, 0 at the end, -1. */
static int union_next(const struct metric_union *all, struct metric_rank *ret, struct err *err)
{
    bool found = false;
    for (size_t i = 0; i < all->count; i++) {
        const struct metric_rank *point = NULL;
        int more = metric_cursor_peek(all->cursors[i], &point, err);
        if (more < 0) {
            return -1;
        }
        if (more == 1 && (!found || metric_order_compare(point, ret) < 0)) {
            *ret = *point;
            found = true;
        }
    }
    for (size_t i = 0; found && i < all->count; i++) {
        const struct metric_rank *point = NULL;
        if (metric_cursor_peek(all->cursors[i], &point, NULL) == 1 && metric_order_compare(point, ret) == 0) {
            metric_cursor_move(all->cursors[i]);
        }
    }
    return found ? 1 : 0;
}

/* One point in two series is one point of the run. */
static int count_points(struct store *store, const char *run_id, const char *key, int64_t *ret_count, struct err *err)
{
    struct arena *arena = arena_new();
    struct metric_union all;
    struct metric_rank point;
    int64_t count = 0;
    int more = open_union(store, run_id, key, arena, &all, err);
    while (more >= 0 && (more = union_next(&all, &point, err)) == 1) {
        count++;
    }
    close_union(&all);
    arena_free(arena);
    *ret_count = count;
    return more;
}

/* ---- latest ------------------------------------------------------------------------------------------ */

int store_metrics_of_run(struct store *store, const char *run_id, struct arena *arena, struct metric_latest **ret,
                         size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " SERIES_COLUMNS " FROM metric_series WHERE run_id = :run_id "
                                     "ORDER BY key, dataset_name, dataset_digest, model_id");
    stmt_text(s, ":run_id", run_id);
    struct latest_list list;
    if (read_latest(s, same_key, arena, &list, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < list.count; i++) {
        if (list.merged[i] && count_points(store, run_id, list.items[i].key, &list.items[i].count, err) < 0) {
            return -1;
        }
    }
    *ret = list.items;
    *ret_count = list.count;
    return 0;
}

int store_metrics_of_model(struct store *store, const char *model_id, const char *dataset_digest, struct arena *arena,
                           struct metric_latest **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = dataset_digest == NULL
                         ? stmt_get(store, "SELECT " SERIES_COLUMNS " FROM metric_series "
                                           "WHERE model_id = :model_id AND target <> 0 "
                                           "ORDER BY key, dataset_digest, dataset_name, run_id")
                         : stmt_get(store, "SELECT " SERIES_COLUMNS " FROM metric_series "
                                           "WHERE model_id = :model_id AND target <> 0 AND dataset_digest = :digest "
                                           "ORDER BY key, dataset_digest, dataset_name, run_id");
    stmt_text(s, ":model_id", model_id);
    if (dataset_digest != NULL) {
        stmt_text(s, ":digest", dataset_digest);
    }
    struct latest_list list;
    if (read_latest(s, same_key_and_dataset, arena, &list, err) < 0) {
        return -1;
    }
    *ret = list.items;
    *ret_count = list.count;
    return 0;
}

/* ---- histories ------------------------------------------------------------------------------------- */

static int read_history(const struct metric_union *all, const char *key, size_t skip, size_t limit, struct arena *arena,
                        struct metric_point **ret, size_t *ret_count, struct err *err)
{
    struct metric_point *items = NULL;
    size_t count = 0;
    size_t room = 0;
    /* Of one series, the ordinary case, what is skipped is not even read. */
    int more = all->count == 1 ? metric_cursor_skip(all->cursors[0], &skip, err) : 0;
    struct metric_rank point;
    while (more >= 0 && count < limit && (more = union_next(all, &point, err)) == 1) {
        if (skip > 0) {
            skip--;
            continue;
        }
        items = arena_grow(arena, items, count, &room, sizeof *items);
        items[count++] = (struct metric_point){
            .key = key,
            .value = point.is_nan ? (double)NAN : point.value,
            .step = point.step,
            .time_ms = point.time_ms,
        };
    }
    *ret = items;
    *ret_count = count;
    return more < 0 ? -1 : 0;
}

int store_metric_history(struct store *store, const char *run_id, const char *key, size_t skip, size_t limit,
                         struct arena *arena, struct metric_point **ret, size_t *ret_count, struct err *err)
{
    struct metric_union all;
    int result = open_union(store, run_id, key, arena, &all, err);
    if (result == 0) {
        result = read_history(&all, arena_strdup(arena, key), skip, limit, arena, ret, ret_count, err);
    }
    close_union(&all);
    return result;
}
