/* SPDX-License-Identifier: Apache-2.0
 * Histories of metrics: whole, page by page, of several runs.
 */
#include "store/metrics.h"
#include "store/metrics_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- one run ------------------------------------------------------------------------------------------------- */

static int read_points(const struct metric_union *all, const char *key, size_t skip, size_t limit, struct arena *arena,
                       struct metric_point **ret, size_t *ret_count, struct err *err)
{
    struct metric_point *items = NULL;
    size_t count = 0;
    size_t room = 0;
    int more = 0;
    struct metric_rank point;
    while (count < limit && (more = metric_union_next(all, &point, err)) == 1) {
        if (skip > 0) {
            skip--;
            continue;
        }
        items = arena_grow(arena, items, count, &room, sizeof *items);
        items[count++] = metric_point_of(key, &point);
    }
    *ret = items;
    *ret_count = count;
    return more < 0 ? -1 : 0;
}

int store_metric_history(struct store *store, const char *run_id, const char *key, size_t skip, size_t limit,
                         struct arena *arena, struct metric_point **ret, size_t *ret_count, struct err *err)
{
    struct metric_union all = {0};
    int result = metric_union_open(store, run_id, key, arena, &all, err);
    if (result == 0 && all.count == 1) { /* the ordinary case: what is skipped is not even read */
        result = metric_cursor_skip(all.cursors[0], &skip, err);
    }
    if (result == 0) {
        result = read_points(&all, arena_strdup(arena, key), skip, limit, arena, ret, ret_count, err);
    }
    metric_union_close(&all);
    return result;
}

int store_metric_history_after(struct store *store, const char *run_id, const char *key,
                               const struct metric_point *after, size_t limit, struct arena *arena,
                               struct metric_point **ret, size_t *ret_count, struct err *err)
{
    struct metric_union all = {0};
    int result = metric_union_open(store, run_id, key, arena, &all, err);
    for (size_t i = 0; result == 0 && after != NULL && i < all.count; i++) {
        struct metric_rank rank = metric_rank_of(after->value, after->step, after->time_ms);
        result = metric_cursor_seek(all.cursors[i], &rank, err);
    }
    if (result == 0) {
        result = read_points(&all, arena_strdup(arena, key), 0, limit, arena, ret, ret_count, err);
    }
    metric_union_close(&all);
    return result;
}

/* ---- several runs ---------------------------------------------------------------------------------------------- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int store_metric_histories(struct store *store, const char *const *run_ids, size_t run_count, const char *key,
                           size_t limit, struct arena *arena, struct metric_run_point **ret, size_t *ret_count,
                           struct err *err)
{
    struct metric_run_point *items = NULL;
    size_t count = 0;
    size_t room = 0;
    const char **sorted = arena_array(arena, run_count, sizeof(const char *));
    for (size_t i = 0; i < run_count; i++) {
        sorted[i] = run_ids[i];
    }
    qsort(sorted, run_count, sizeof(const char *), compare_texts);
    for (size_t i = 0; i < run_count && count < limit; i++) {
        struct metric_point *points = NULL;
        size_t point_count = 0;
        if (i > 0 && strcmp(sorted[i], sorted[i - 1]) == 0) {
            continue;
        }
        if (store_metric_history(store, sorted[i], key, 0, limit - count, arena, &points, &point_count, err) < 0) {
            return -1;
        }
        for (size_t k = 0; k < point_count; k++) {
            items = arena_grow(arena, items, count, &room, sizeof *items);
            items[count++] = (struct metric_run_point){sorted[i], points[k]};
        }
    }
    *ret = items;
    *ret_count = count;
    return 0;
}
