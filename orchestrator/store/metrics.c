/* SPDX-License-Identifier: Apache-2.0
 * Writing metrics. Each (run, key, model, dataset) is a series with a summary row; a batch touches each of its series
 * once. Reading them is metrics_read.c.
 */
#include "store/metrics.h"

#include "base/mem.h"
#include "store/key_rules.h"
#include "store/metrics_internal.h"
#include "store/runs.h"
#include "store/stmt.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct series {
    int64_t id;
    int64_t count;
    struct metric_rank latest;
    bool has_range; /* some point is a number */
    double min;
    double max;
};

int metric_rank_compare(const struct metric_rank *a, const struct metric_rank *b)
{
    if (a->step != b->step) {
        return a->step < b->step ? -1 : 1;
    }
    if (a->time_ms != b->time_ms) {
        return a->time_ms < b->time_ms ? -1 : 1;
    }
    if (a->value < b->value || a->value > b->value) {
        return a->value < b->value ? -1 : 1;
    }
    return (int)b->is_nan - (int)a->is_nan;
}

/* -0 and 0 are one value, and so are the infinities and the largest doubles; NaN is 0 with a flag. */
static struct metric_rank stored_form(const struct metric_point *point)
{
    struct metric_rank rank = {
        .value = point->value, .is_nan = isnan(point->value), .step = point->step, .time_ms = point->time_ms};
    if (rank.is_nan || rank.value == 0) {
        rank.value = 0;
    } else if (isinf(rank.value)) {
        rank.value = rank.value > 0 ? DBL_MAX : -DBL_MAX;
    }
    return rank;
}

/* ---- checks ---------------------------------------------------------------------------------------- */

static int check_points(const struct metric_point *points, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        char parameter[64];
        (void)snprintf(parameter, sizeof parameter, "metrics[%zu].name", i);
        bool same = i > 0 && points[i].key != NULL && strcmp(points[i].key, points[i - 1].key) == 0;
        if (!same && key_check_whole(parameter, "Metric name", points[i].key, err) < 0) {
            return -1;
        }
        if (points[i].time_ms < 0) {
            return err_set(err, ERR_INPUT,
                           "Invalid value %lld for parameter 'metrics[%zu].timestamp' supplied: metric '%s' "
                           "(value=%g). Timestamp must be a nonnegative long (64-bit integer) ",
                           (long long)points[i].time_ms, i, points[i].key, points[i].value);
        }
    }
    return 0;
}

/* ---- series ---------------------------------------------------------------------------------------- */

static void bind_target(struct stmt *s, const struct metric_target *target, const char *key)
{
    stmt_text(s, ":run_id", target->run_id);
    stmt_text(s, ":key", key);
    stmt_str(s, ":model", str_from(target->model_id));
    stmt_str(s, ":name", str_from(target->dataset_name));
    stmt_str(s, ":digest", str_from(target->dataset_digest));
}

/* 1 found, 0 not. */
static int find_series(struct store *store, const struct metric_target *target, const char *key, struct series *ret,
                       struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT id, count, latest_value, latest_is_nan, latest_step, latest_ms, "
                                     "min_value, max_value FROM metric_series WHERE run_id = :run_id AND key = :key "
                                     "AND model_id = :model AND dataset_name = :name AND dataset_digest = :digest");
    bind_target(s, target, key);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = (struct series){
            .id = stmt_column_int(s, 0),
            .count = stmt_column_int(s, 1),
            .latest = {.value = stmt_column_real(s, 2),
                       .is_nan = stmt_column_int(s, 3) != 0,
                       .step = stmt_column_int(s, 4),
                       .time_ms = stmt_column_int(s, 5)},
            .has_range = !stmt_column_is_null(s, 6),
            .min = stmt_column_real(s, 6),
            .max = stmt_column_real(s, 7),
        };
    }
    stmt_done(s);
    return row;
}

static int open_series(struct store *store, const struct metric_target *target, const char *key, struct series *ret,
                       struct err *err)
{
    int found = find_series(store, target, key, ret, err);
    if (found != 0) {
        return found < 0 ? -1 : 0;
    }
    struct stmt *s = stmt_get(store, "INSERT INTO metric_series (run_id, key, model_id, dataset_name, "
                                     "dataset_digest) VALUES (:run_id, :key, :model, :name, :digest)");
    bind_target(s, target, key);
    if (stmt_run_one(s, "inserting a series of metrics", err) < 0) {
        return -1;
    }
    *ret = (struct series){.id = stmt_last_id(store)};
    return 0;
}

static void fold(struct series *series, const struct metric_rank *point)
{
    if (series->count == 0 || metric_rank_compare(point, &series->latest) > 0) {
        series->latest = *point;
    }
    series->count++;
    if (point->is_nan) {
        return;
    }
    series->min = !series->has_range || point->value < series->min ? point->value : series->min;
    series->max = !series->has_range || point->value > series->max ? point->value : series->max;
    series->has_range = true;
}

static int save_series(struct store *store, const struct series *series, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE metric_series SET count = :count, latest_value = :value, "
                                     "latest_is_nan = :is_nan, latest_step = :step, latest_ms = :time, "
                                     "min_value = :min, max_value = :max WHERE id = :id");
    stmt_int(s, ":id", series->id);
    stmt_int(s, ":count", series->count);
    stmt_real(s, ":value", series->latest.value);
    stmt_int(s, ":is_nan", series->latest.is_nan ? 1 : 0);
    stmt_int(s, ":step", series->latest.step);
    stmt_int(s, ":time", series->latest.time_ms);
    if (series->has_range) {
        stmt_real(s, ":min", series->min);
        stmt_real(s, ":max", series->max);
    } else {
        stmt_null(s, ":min");
        stmt_null(s, ":max");
    }
    return stmt_run_one(s, "updating a series of metrics", err);
}

/* 1 stored, 0 there already. */
static int64_t insert_point(struct store *store, int64_t series, const struct metric_rank *point, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO metric_points (series, time_ms, step, value, is_nan) "
                                     "VALUES (:series, :time, :step, :value, :is_nan) "
                                     "ON CONFLICT (series, time_ms, step, value, is_nan) DO NOTHING");
    stmt_int(s, ":series", series);
    stmt_int(s, ":time", point->time_ms);
    stmt_int(s, ":step", point->step);
    stmt_real(s, ":value", point->value);
    stmt_int(s, ":is_nan", point->is_nan ? 1 : 0);
    return stmt_run(s, err);
}

/* Points of one key. */
static int log_key(struct store *store, const struct metric_target *target, const struct metric_point *const *points,
                   size_t count, struct err *err)
{
    struct series series;
    if (open_series(store, target, points[0]->key, &series, err) < 0) {
        return -1;
    }
    bool changed = false;
    for (size_t i = 0; i < count; i++) {
        struct metric_rank point = stored_form(points[i]);
        int64_t stored = insert_point(store, series.id, &point, err);
        if (stored < 0) {
            return -1;
        }
        if (stored == 1) {
            fold(&series, &point);
            changed = true;
        }
    }
    return changed ? save_series(store, &series, err) : 0;
}

/* By key, and then in the order in which points are stored, so that the writes of a batch lie side by side. */
static int compare_points(const void *a, const void *b)
{
    const struct metric_point *left = *(const struct metric_point *const *)a;
    const struct metric_point *right = *(const struct metric_point *const *)b;
    int order = strcmp(left->key, right->key);
    return order != 0 ? order : (left->time_ms > right->time_ms) - (left->time_ms < right->time_ms);
}

int store_metrics_log(struct store *store, const struct metric_target *target, const struct metric_point *points,
                      size_t count, struct err *err)
{
    if (check_points(points, count, err) < 0 || store_run_require_active(store, target->run_id, err) < 0) {
        return -1;
    }
    const struct metric_point **sorted = mem_array(count, sizeof *sorted);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &points[i];
    }
    qsort(sorted, count, sizeof *sorted, compare_points);
    int result = 0;
    for (size_t from = 0, to = 0; result == 0 && from < count; from = to) {
        for (to = from + 1; to < count && strcmp(sorted[to]->key, sorted[from]->key) == 0; to++) {
        }
        result = log_key(store, target, sorted + from, to - from, err);
    }
    free(sorted);
    return result;
}
