/* SPDX-License-Identifier: Apache-2.0
 * Reading metrics: latest values from the summaries of the series, histories from the union of their points.
 */
#include "store/metrics.h"
#include "store/metrics_internal.h"
#include "store/stmt.h"

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

/* One point in two series is one point of the run. */
static int count_points(struct store *store, const char *run_id, const char *key, int64_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT COUNT(*) FROM (SELECT DISTINCT time_ms, step, value, is_nan "
                                     "FROM metric_points WHERE series IN (SELECT id FROM metric_series "
                                     "WHERE run_id = :run_id AND key = :key))");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":key", key);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret_count = stmt_column_int(s, 0);
    }
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

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
    /* "model_id <> ''" lets SQLite use the index that leaves out points of no model. */
    struct stmt *s = dataset_digest == NULL
                         ? stmt_get(store, "SELECT " SERIES_COLUMNS " FROM metric_series "
                                           "WHERE model_id = :model_id AND model_id <> '' "
                                           "ORDER BY key, dataset_digest, dataset_name, run_id")
                         : stmt_get(store, "SELECT " SERIES_COLUMNS " FROM metric_series "
                                           "WHERE model_id = :model_id AND model_id <> '' AND dataset_digest = :digest "
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

/* How many series a key of a run has, and one of them. */
static int count_series(struct store *store, const char *run_id, const char *key, int64_t *ret_count, int64_t *ret_id,
                        struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT COUNT(*), MIN(id) FROM metric_series WHERE run_id = :run_id "
                                     "AND key = :key");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":key", key);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret_count = stmt_column_int(s, 0);
        *ret_id = stmt_column_int(s, 1);
    }
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

int store_metric_history(struct store *store, const char *run_id, const char *key, size_t skip, size_t limit,
                         struct arena *arena, struct metric_point **ret, size_t *ret_count, struct err *err)
{
    int64_t series_count = 0;
    int64_t id = 0;
    if (count_series(store, run_id, key, &series_count, &id, err) < 0) {
        return -1;
    }
    /* One series, the ordinary case, is read in the order it is stored in: nothing is sorted. */
    struct stmt *s = NULL;
    if (series_count <= 1) {
        s = stmt_get(store, "SELECT time_ms, step, value, is_nan FROM metric_points WHERE series = :series "
                            "ORDER BY time_ms, step, value, is_nan LIMIT :limit OFFSET :skip");
        stmt_int(s, ":series", id);
    } else {
        s = stmt_get(store, "SELECT DISTINCT time_ms, step, value, is_nan FROM metric_points "
                            "WHERE series IN (SELECT id FROM metric_series WHERE run_id = :run_id "
                            "AND key = :key) ORDER BY time_ms, step, value, is_nan LIMIT :limit OFFSET :skip");
        stmt_text(s, ":run_id", run_id);
        stmt_text(s, ":key", key);
    }
    stmt_int(s, ":limit", limit > INT64_MAX ? INT64_MAX : (int64_t)limit);
    stmt_int(s, ":skip", skip > INT64_MAX ? INT64_MAX : (int64_t)skip);
    const char *name = arena_strdup(arena, key);
    struct metric_point *items = NULL;
    size_t count = 0;
    size_t room = 0;
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        items = arena_grow(arena, items, count, &room, sizeof *items);
        items[count++] = (struct metric_point){
            .key = name,
            .value = stmt_column_int(s, 3) != 0 ? (double)NAN : stmt_column_real(s, 2),
            .step = stmt_column_int(s, 1),
            .time_ms = stmt_column_int(s, 0),
        };
    }
    stmt_done(s);
    *ret = items;
    *ret_count = count;
    return row;
}
