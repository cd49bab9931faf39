/* SPDX-License-Identifier: Apache-2.0
 * Reading metrics: latest values, from the summaries of the series.
 */
#include "store/metrics.h"
#include "store/metrics_internal.h"

#include <math.h>
#include <stdlib.h>
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

/* Neighbours that `same` calls one become one. */
static int read_latest(struct stmt *s, bool (*same)(const struct metric_latest *, const struct metric_latest *),
                       struct arena *arena, struct metric_latest_list *ret, struct err *err)
{
    struct metric_latest_list list = {0};
    size_t item_room = 0;
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        struct metric_latest metric = read_series(s, arena);
        if (list.count > 0 && same(&list.items[list.count - 1], &metric)) {
            merge(&list.items[list.count - 1], &metric);
            continue;
        }
        list.items = arena_grow(arena, list.items, list.count, &item_room, sizeof *list.items);
        list.items[list.count++] = metric;
    }
    stmt_done(s);
    *ret = list;
    return row;
}

/* One point in two series is one point of the run. */
static int count_points(struct store *store, const char *run_id, const char *key, int64_t *ret_count, struct err *err)
{
    struct arena *arena = arena_new();
    struct metric_union all = {0};
    struct metric_rank point;
    int64_t count = 0;
    int more = metric_union_open(store, run_id, key, arena, &all, err);
    while (more >= 0 && (more = metric_union_next(&all, &point, err)) == 1) {
        count++;
    }
    metric_union_close(&all);
    arena_free(arena);
    *ret_count = count;
    return more;
}

/* ---- latest ------------------------------------------------------------------------------------------ */

struct row {
    size_t run; /* of the list */
    int64_t key, target;
    size_t rank; /* of the key by its name */
    const char *model_id;
    struct metric_latest latest;
};

struct rows {
    struct arena *arena;
    struct row *items;
    size_t count, room;
    struct number_names keys, targets;
};

static void take_row(void *ctx, size_t run, struct stmt *s)
{
    struct rows *rows = ctx;
    bool is_nan = stmt_column_int(s, 5) != 0;
    bool one = stmt_column_int(s, 3) == 1; /* then it stands for the range as well: 013_metric_blocks.sql */
    double value = is_nan ? (double)NAN : stmt_column_real(s, 4);
    rows->items = arena_grow(rows->arena, rows->items, rows->count, &rows->room, sizeof *rows->items);
    struct row *row = &rows->items[rows->count++];
    *row = (struct row){
        .run = run,
        .key = stmt_column_int(s, 1),
        .target = stmt_column_int(s, 2),
        .model_id = "",
        .latest = {.count = stmt_column_int(s, 3),
                   .value = value,
                   .step = stmt_column_int(s, 6),
                   .time_ms = stmt_column_int(s, 7),
                   .min = one ? value : stmt_column_is_null(s, 8) ? (double)NAN : stmt_column_real(s, 8),
                   .max = one ? value : stmt_column_is_null(s, 9) ? (double)NAN : stmt_column_real(s, 9)},
    };
    number_names_want(&rows->keys, row->key, rows->arena);
    if (row->target != 0) {
        number_names_want(&rows->targets, row->target, rows->arena);
    }
}

static void name_rows(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        struct row *row = &rows->items[i];
        const struct number_name *key = number_names_find(&rows->keys, row->key);
        row->latest.key = key->texts[0];
        row->rank = key->rank;
        if (row->target != 0) {
            const struct number_name *target = number_names_find(&rows->targets, row->target);
            row->model_id = target->texts[0];
            row->latest.dataset_name = *target->texts[1] == '\0' ? NULL : target->texts[1];
            row->latest.dataset_digest = *target->texts[2] == '\0' ? NULL : target->texts[2];
        }
    }
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *left = a;
    const struct row *right = b;
    if (left->rank != right->rank) {
        return left->rank > right->rank ? 1 : -1;
    }
    int order = str_cmp(str_from(left->latest.dataset_name), str_from(right->latest.dataset_name));
    order = order != 0 ? order : str_cmp(str_from(left->latest.dataset_digest), str_from(right->latest.dataset_digest));
    return order != 0 ? order : strcmp(left->model_id, right->model_id);
}

static void sort_rows(struct row *rows, size_t count)
{
    bool sorted = true;
    for (size_t i = 1; i < count && sorted; i++) {
        sorted = compare_rows(&rows[i - 1], &rows[i]) <= 0;
    }
    if (!sorted) {
        qsort(rows, count, sizeof *rows, compare_rows);
    }
}

/* Sorted rows of one run, into its list. */
static int fold_rows(struct store *store, const char *run_id, const struct row *rows, size_t count,
                     struct arena *arena, struct metric_latest_list *ret, struct err *err)
{
    struct metric_latest_list list = {.items = arena_array(arena, count, sizeof *list.items)};
    for (size_t i = 0; i < count;) {
        struct metric_latest *item = &list.items[list.count++];
        size_t first = i;
        *item = rows[i++].latest;
        while (i < count && rows[i].rank == rows[first].rank) {
            merge(item, &rows[i++].latest);
        }
        if (i - first > 1 && count_points(store, run_id, item->key, &item->count, err) < 0) {
            return -1;
        }
    }
    *ret = list;
    return 0;
}

int metrics_of_runs(struct store *store, const struct run_list *list, struct arena *arena,
                    struct metric_latest_list *ret, struct err *err)
{
    static const char latest[] =
        "SELECT n.run_id, s.key, s.target, s.count, s.latest_value, s.latest_is_nan, s.latest_step, s.latest_ms, "
        "s.min_value, s.max_value FROM metric_runs AS n CROSS JOIN metric_summaries AS s ON s.run = n.id "
        "WHERE n.run_id IN " RUN_LIST;
    struct rows rows = {.arena = arena};
    memset(ret, 0, list->count * sizeof *ret);
    if (run_list_read(list, stmt_get(store, latest), take_row, &rows, err) < 0 ||
        metric_names_read(store, &rows.keys, &rows.targets, arena, err) < 0) {
        return -1;
    }
    name_rows(&rows);
    for (size_t i = 0, first = 0; i < rows.count; first = i) {
        size_t run = rows.items[first].run;
        while (i < rows.count && rows.items[i].run == run) {
            i++;
        }
        sort_rows(&rows.items[first], i - first);
        if (fold_rows(store, list->ids[run], &rows.items[first], i - first, arena, &ret[run], err) < 0) {
            return -1;
        }
    }
    return 0;
}

int store_metrics_of_run(struct store *store, const char *run_id, struct arena *arena, struct metric_latest **ret,
                         size_t *ret_count, struct err *err)
{
    struct run_list list = run_list_of(&run_id, 1, arena);
    struct metric_latest_list metrics;
    if (metrics_of_runs(store, &list, arena, &metrics, err) < 0) {
        return -1;
    }
    *ret = metrics.items;
    *ret_count = metrics.count;
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
    struct metric_latest_list list;
    if (read_latest(s, same_key_and_dataset, arena, &list, err) < 0) {
        return -1;
    }
    *ret = list.items;
    *ret_count = list.count;
    return 0;
}
