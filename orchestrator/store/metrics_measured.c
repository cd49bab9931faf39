/* SPDX-License-Identifier: Apache-2.0
 * Reading metrics: what was measured on a model, point by point.
 */
#include "store/metrics.h"
#include "store/metrics_internal.h"

#include <stdlib.h>

struct series {
    struct metric_series_id id;
    size_t points;
    struct metric_measured names; /* what all its points have */
};

struct measured {
    struct arena *arena;
    struct metric_measured *items;
    size_t count, room;
};

static const char *text_or_null(struct stmt *s, int column, struct arena *arena)
{
    const char *text = stmt_column_text(s, column, arena);
    return *text == '\0' ? NULL : text;
}

static void read_one_series(struct stmt *s, struct arena *arena, void *item)
{
    *(struct series *)item = (struct series){
        .id = {stmt_column_int(s, 0), stmt_column_int(s, 1), stmt_column_int(s, 2)},
        .points = (size_t)stmt_column_int(s, 3),
        .names = {.run_id = stmt_column_text(s, 4, arena),
                  .point = {.key = stmt_column_text(s, 5, arena)},
                  .dataset_name = text_or_null(s, 6, arena),
                  .dataset_digest = text_or_null(s, 7, arena)},
    };
}

static int read_series(struct store *store, const char *model_id, size_t limit, struct arena *arena,
                       struct series **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT s.run, s.key, s.target, s.count, r.run_id, k.key, t.dataset_name, "
                                     "t.dataset_digest FROM metric_targets AS t "
                                     "CROSS JOIN metric_summaries AS s ON s.target = t.id AND s.target <> 0 "
                                     "CROSS JOIN metric_runs AS r ON r.id = s.run "
                                     "CROSS JOIN metric_keys AS k ON k.id = s.key WHERE t.model_id = :model_id "
                                     "ORDER BY k.key, t.dataset_name, t.dataset_digest, r.run_id LIMIT :limit");
    stmt_text(s, ":model_id", model_id);
    stmt_int(s, ":limit", (int64_t)limit);
    return stmt_read_rows(s, read_one_series, sizeof **ret, arena, ret, ret_count, err);
}

static void add_points(struct measured *all, const struct series *series, const struct metric_rank *points,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        all->items = arena_grow(all->arena, all->items, all->count, &all->room, sizeof *all->items);
        struct metric_measured *item = &all->items[all->count++];
        *item = series->names;
        item->point = metric_point_of(series->names.point.key, &points[i]);
    }
}

/* All of a series but its first `skip`. */
static int read_points(struct store *store, const struct series *series, size_t skip, struct measured *all,
                       struct err *err)
{
    struct metric_cursor *cursor = metric_cursor_new(store, &series->id);
    const struct metric_rank *points = NULL;
    size_t count = 0;
    int row = metric_cursor_skip(cursor, &skip, err);
    while (row >= 0 && (row = metric_cursor_take(cursor, &points, &count, err)) == 1) {
        size_t passed = skip < count ? skip : count;
        add_points(all, series, points + passed, count - passed);
        skip -= passed;
    }
    metric_cursor_free(cursor);
    return row;
}

static int text_order(const char *a, const char *b)
{
    return str_cmp(str_from(a), str_from(b));
}

static int measured_order(const void *a, const void *b)
{
    const struct metric_measured *left = a;
    const struct metric_measured *right = b;
    const struct metric_point *x = &left->point;
    const struct metric_point *y = &right->point;
    if (x->time_ms != y->time_ms) {
        return x->time_ms < y->time_ms ? -1 : 1;
    }
    if (x->step != y->step) {
        return x->step < y->step ? -1 : 1;
    }
    int order = text_order(x->key, y->key);
    order = order != 0 ? order : text_order(left->dataset_name, right->dataset_name);
    order = order != 0 ? order : text_order(left->dataset_digest, right->dataset_digest);
    order = order != 0 ? order : text_order(left->run_id, right->run_id);
    struct metric_rank one = metric_rank_of(x->value, x->step, x->time_ms);
    struct metric_rank other = metric_rank_of(y->value, y->step, y->time_ms);
    return order != 0 ? order : metric_order_compare(&one, &other);
}

/* How many of its newest points each series gives, so that all together are at most `limit`. */
static size_t share_of(const struct series *series, size_t count, size_t limit)
{
    size_t points = 0;
    for (size_t i = 0; i < count && points <= limit; i++) {
        points += series[i].points;
    }
    return points <= limit ? limit : limit / count;
}

int store_metrics_measured(struct store *store, const char *model_id, size_t limit, struct arena *arena,
                           struct metric_measured **ret, size_t *ret_count, struct err *err)
{
    struct measured all = {.arena = arena};
    struct series *series = NULL;
    size_t count = 0;
    if (read_series(store, model_id, limit, arena, &series, &count, err) < 0) {
        return -1;
    }
    size_t share = share_of(series, count, limit);
    for (size_t i = 0; i < count; i++) {
        size_t skip = series[i].points > share ? series[i].points - share : 0;
        if (read_points(store, &series[i], skip, &all, err) < 0) {
            return -1;
        }
    }
    if (all.count > 0) {
        qsort(all.items, all.count, sizeof *all.items, measured_order);
    }
    *ret = all.items;
    *ret_count = all.count;
    return 0;
}
