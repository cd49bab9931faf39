/* SPDX-License-Identifier: Apache-2.0
 * Sampled histories of several runs. Which points are picked is known when all have been counted: those of an ordinary
 * history stay in memory until then; a longer one is read twice. Most histories come in the order of their steps; only
 * of one that does not, all points are in memory at once, however many.
 */
#include "store/metric_sample.h"
#include "store/metrics.h"
#include "store/metrics_internal.h"
#include "store/runs_internal.h"

#include <stdlib.h>

enum { SORTED_MAX = 4000000, KEPT_MAX = 1 << 16 };

/* One run's history, as it was asked for. */
struct history {
    struct store *store;
    const char *run_id;
    const char *key;
    const struct metric_interval *interval;
};

/* What is done with each point of the interval: 0, or -1 with `err`. */
struct visitor {
    int (*take)(void *ctx, const struct metric_rank *point, struct err *err);
    void *ctx;
};

static int visit(const struct history *history, struct visitor visitor, struct err *err)
{
    const struct metric_interval *interval = history->interval;
    struct arena *arena = arena_new();
    struct metric_union all = {0};
    const struct metric_rank *points = NULL;
    size_t count = 0;
    int more = metric_union_open(history->store, history->run_id, history->key, arena, &all, err);
    while (more >= 0 && (more = metric_union_take(&all, &points, &count, err)) == 1) {
        for (size_t i = 0; i < count && more >= 0; i++) {
            bool wanted = !interval->bounded || (points[i].step >= interval->start && points[i].step <= interval->end);
            if (wanted && visitor.take(visitor.ctx, &points[i], err) < 0) {
                more = -1;
            }
        }
    }
    metric_union_close(&all);
    arena_free(arena);
    return more < 0 ? -1 : 0;
}

/* ---- how many, and whether in order ------------------------------------------------------------------------------ */

struct extent {
    size_t count;
    int64_t last_step;
    bool by_step;
    struct metric_rank *kept; /* the first of them: room for KEPT_MAX */
};

static int measure(void *ctx, const struct metric_rank *point, struct err *err)
{
    struct extent *extent = ctx;
    (void)err;
    extent->by_step = extent->by_step && (extent->count == 0 || point->step >= extent->last_step);
    extent->last_step = point->step;
    if (extent->count < KEPT_MAX) {
        extent->kept[extent->count] = *point;
    }
    extent->count++;
    return 0;
}

/* ---- points ------------------------------------------------------------------------------------------------------ */

/* Those that are picked, in the caller's arena. */
struct sample {
    const struct history *history;
    struct arena *arena;
    struct metric_run_point *items;
    size_t count, room;
    size_t seen, picked, total; /* of the run: points so far, how many of them were picked, all there are */
};

static void add(struct sample *sample, const struct metric_rank *point)
{
    sample->items = arena_grow(sample->arena, sample->items, sample->count, &sample->room, sizeof *sample->items);
    sample->items[sample->count++] =
        (struct metric_run_point){sample->history->run_id, metric_point_of(sample->history->key, point)};
}

static void pick(struct sample *sample, const struct metric_rank *point)
{
    size_t most = sample->history->interval->max_results;
    if (sample->picked < metric_sample_count(sample->total, most) &&
        sample->seen == metric_sample_place(sample->total, most, sample->picked)) {
        add(sample, point);
        sample->picked++;
    }
    sample->seen++;
}

/* From all of them, in their order. */
static void pick_each(struct sample *sample, const struct metric_rank *points)
{
    size_t most = sample->history->interval->max_results;
    for (size_t i = 0; i < metric_sample_count(sample->total, most); i++) {
        add(sample, &points[metric_sample_place(sample->total, most, i)]);
    }
}

static int take_point(void *ctx, const struct metric_rank *point, struct err *err)
{
    (void)err;
    pick(ctx, point);
    return 0;
}

struct sorted {
    struct metric_rank *items;
    size_t count;
};

static int keep_point(void *ctx, const struct metric_rank *point, struct err *err)
{
    struct sorted *sorted = ctx;
    (void)err;
    sorted->items[sorted->count++] = *point;
    return 0;
}

static int compare_by_step(const void *a, const void *b)
{
    const struct metric_rank *left = a;
    const struct metric_rank *right = b;
    int by_step = (left->step > right->step) - (left->step < right->step);
    return by_step != 0 ? by_step : metric_order_compare(left, right);
}

static int sample_unsorted(struct sample *sample, struct err *err)
{
    if (sample->total > SORTED_MAX) {
        return err_set(err, ERR_LIMIT,
                       "run '%s' has %zu points out of the order of their steps: ask for a range of steps",
                       sample->history->run_id, sample->total);
    }
    struct arena *arena = arena_new();
    struct sorted sorted = {.items = arena_array(arena, sample->total + 1, sizeof *sorted.items)};
    int result = visit(sample->history, (struct visitor){keep_point, &sorted}, err);
    if (result == 0) {
        qsort(sorted.items, sorted.count, sizeof *sorted.items, compare_by_step);
        pick_each(sample, sorted.items);
    }
    arena_free(arena);
    return result;
}

static int sample_run(struct sample *sample, struct metric_rank *kept, struct err *err)
{
    struct extent extent = {.by_step = true, .kept = kept};
    if (visit(sample->history, (struct visitor){measure, &extent}, err) < 0) {
        return -1;
    }
    sample->total = extent.count;
    sample->seen = sample->picked = 0;
    if (extent.count <= KEPT_MAX) {
        if (!extent.by_step) {
            qsort(kept, extent.count, sizeof *kept, compare_by_step);
        }
        pick_each(sample, kept);
        return 0;
    }
    return extent.by_step ? visit(sample->history, (struct visitor){take_point, sample}, err)
                          : sample_unsorted(sample, err);
}

int store_metric_interval(struct store *store, const char *const *run_ids, size_t run_count, const char *key,
                          const struct metric_interval *interval, struct arena *arena, struct metric_run_point **ret,
                          size_t *ret_count, struct err *err)
{
    struct sample sample = {.arena = arena};
    const char *own_key = arena_strdup(arena, key);
    if (interval->max_results < 1 || interval->max_results > METRIC_SAMPLE_MAX) {
        return err_set(err, ERR_INPUT, "max_results must be between 1 and %d.", METRIC_SAMPLE_MAX);
    }
    struct arena *scratch = arena_new();
    struct metric_rank *kept = arena_array(scratch, KEPT_MAX, sizeof *kept);
    int result = 0;
    for (size_t i = 0; i < run_count && result == 0; i++) {
        struct history history = {store, run_ids[i], own_key, interval};
        bool deleted = false;
        sample.history = &history;
        result = run_read_deleted(store, run_ids[i], &deleted, err) < 0 || sample_run(&sample, kept, err) < 0 ? -1 : 0;
    }
    arena_free(scratch);
    *ret = sample.items;
    *ret_count = sample.count;
    return result;
}
