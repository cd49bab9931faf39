/* SPDX-License-Identifier: Apache-2.0
 * Histories of metrics: whole, page by page, of several runs.
 */
#include "store/metrics.h"
#include "store/metrics_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- one run ------------------------------------------------------------------------------------------------- */

/* What is done with points, as they come. */
struct taker {
    void (*take)(void *ctx, const struct metric_rank *points, size_t count);
    void *ctx;
};

static int read_points(struct metric_union *all, size_t skip, size_t limit, struct taker taker, bool *ret_more,
                       struct err *err)
{
    const struct metric_rank *points = NULL;
    size_t count = 0;
    int row = 0;
    *ret_more = false;
    while (!*ret_more && (row = metric_union_take(all, &points, &count, err)) == 1) {
        size_t passed = count < skip ? count : skip;
        size_t taken = count - passed < limit ? count - passed : limit;
        if (taken > 0) {
            taker.take(taker.ctx, points + passed, taken);
        }
        skip -= passed;
        limit -= taken;
        *ret_more = passed + taken < count;
    }
    return row < 0 ? -1 : 0;
}

int store_metric_history_read(struct store *store, const char *run_id, const char *key,
                              const struct metric_point *after, size_t limit,
                              void (*take)(void *ctx, const struct metric_rank *points, size_t count), void *ctx,
                              bool *ret_more, struct err *err)
{
    struct arena *arena = arena_new();
    struct metric_union all = {0};
    int result = metric_union_open(store, run_id, key, arena, &all, err);
    for (size_t i = 0; result == 0 && after != NULL && i < all.count; i++) {
        struct metric_rank rank = metric_rank_of(after->value, after->step, after->time_ms);
        result = metric_cursor_seek(all.cursors[i], &rank, err);
    }
    if (result == 0) {
        result = read_points(&all, 0, limit, (struct taker){take, ctx}, ret_more, err);
    }
    metric_union_close(&all);
    arena_free(arena);
    return result;
}

struct list {
    struct arena *arena;
    const char *key;
    struct metric_point *items;
    size_t count, room;
};

static void add_points(void *ctx, const struct metric_rank *points, size_t count)
{
    struct list *list = ctx;
    for (size_t i = 0; i < count; i++) {
        list->items = arena_grow(list->arena, list->items, list->count, &list->room, sizeof *list->items);
        list->items[list->count++] = metric_point_of(list->key, &points[i]);
    }
}

int store_metric_history(struct store *store, const char *run_id, const char *key, size_t skip, size_t limit,
                         struct arena *arena, struct metric_point **ret, size_t *ret_count, struct err *err)
{
    struct list list = {.arena = arena, .key = arena_strdup(arena, key)};
    struct metric_union all = {0};
    bool more = false;
    int result = metric_union_open(store, run_id, key, arena, &all, err);
    if (result == 0 && all.count == 1) { /* the ordinary case: what is skipped is not even read */
        result = metric_cursor_skip(all.cursors[0], &skip, err);
    }
    if (result == 0) {
        result = read_points(&all, skip, limit, (struct taker){add_points, &list}, &more, err);
    }
    metric_union_close(&all);
    *ret = list.items;
    *ret_count = list.count;
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
