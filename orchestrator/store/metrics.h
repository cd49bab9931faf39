/* SPDX-License-Identifier: Apache-2.0
 * Metric series: per (run, key, model, dataset) a row with latest, min, max, count and the latest points, and blocks of
 * the older ones (metric_block.h). A key's history in a run is the union of its series; points equal in time, step and
 * value are one point. A batch sent twice changes nothing, and the order in which points arrive changes nothing either.
 */
#ifndef SLUICE_STORE_METRICS_H
#define SLUICE_STORE_METRICS_H

#include "store/metric_block.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct metric_point {
    const char *key;
    double value; /* NaN allowed; infinities are clamped to the largest double, -0 becomes 0 */
    int64_t step;
    int64_t time_ms;
};

/* Where a batch of points belongs; model_id, dataset_name, dataset_digest may be NULL. That the model exists is the
 * caller's to know; the run must be active (runs.h). */
struct metric_target {
    const char *run_id;
    const char *model_id;
    const char *dataset_name;
    const char *dataset_digest;
};
/* Keys and times are checked (key_rules.h): ERR_INPUT names the first bad one, as "metrics[3].name", and
 * nothing of the batch is stored. */
int store_metrics_log(struct store *store, const struct metric_target *target, const struct metric_point *points,
                      size_t count, struct err *err);

/* The points of one key in the order they came: they are sorted in place. */
struct metric_list {
    const char *key;
    struct metric_ranks points;
};
/* The same for points that are apart by key already, each key once; in errors "metrics[3]" is the fourth list. */
int store_metrics_log_lists(struct store *store, const struct metric_target *target, struct metric_list *lists,
                            size_t count, struct err *err);

struct metric_latest {
    const char *key;
    double value; /* by (step, time, value), NaN compared as 0, and less than a 0 of the same step and time */
    int64_t step;
    int64_t time_ms;
    double min, max; /* NaN when all points are */
    int64_t count; /* of a run: different points; of a model: the sum over its series */
    const char *dataset_name; /* of the latest point; NULL: none */
    const char *dataset_digest; /* NULL: none */
};
/* Latest of each key of a run, sorted by key: the union of its series. */
int store_metrics_of_run(struct store *store, const char *run_id, struct arena *arena, struct metric_latest **ret,
                         size_t *ret_count, struct err *err);
/* Latest of each (key, dataset) measured on a model, by any run, sorted so; with `dataset_digest` only those on it, one
 * for each key. Data are one dataset when their digests are equal, whatever they are called; without a digest, when
 * their names are. */
int store_metrics_of_model(struct store *store, const char *model_id, const char *dataset_digest, struct arena *arena,
                           struct metric_latest **ret, size_t *ret_count, struct err *err);
/* The whole history of a key of a run, ordered by time, step, value (NaN as 0, behind a 0), without duplicates; at most
 * `limit` points after the first `skip`. None for a key that was never logged. */
int store_metric_history(struct store *store, const char *run_id, const char *key, size_t skip, size_t limit,
                         struct arena *arena, struct metric_point **ret, size_t *ret_count, struct err *err);

/* The same, at most `limit` points behind `after` (a point of before: its key is not looked at), whether that one is
 * there or not; from the first with NULL. They are handed to `take` as they are read, some hundred at a time;
 * `*ret_more`: there are others behind them. However long the history is, a page of it costs the page. */
int store_metric_history_read(struct store *store, const char *run_id, const char *key,
                              const struct metric_point *after, size_t limit,
                              void (*take)(void *ctx, const struct metric_rank *points, size_t count), void *ctx,
                              bool *ret_more, struct err *err);

struct metric_run_point {
    const char *run_id; /* the caller's text */
    struct metric_point point;
};
/* The histories of one key in several runs, one after the other by run id (each run once), at most `limit` points in
 * all. Runs without it, or unknown ones, have none. */
int store_metric_histories(struct store *store, const char *const *run_ids, size_t run_count, const char *key,
                           size_t limit, struct arena *arena, struct metric_run_point **ret, size_t *ret_count,
                           struct err *err);

enum { METRIC_SAMPLE_MAX = 2500 }; /* points of each run */
struct metric_interval {
    bool bounded; /* only steps from `start` to `end`, both included */
    int64_t start, end;
    size_t max_results; /* of each run, 1 to METRIC_SAMPLE_MAX */
};
/* Sampled histories of one key in several runs, in the order of `run_ids`: of each run the points that metric_sample.h
 * picks, by step, time, value. ERR_NOT_FOUND for an unknown run; ERR_LIMIT when a run has more than four million points
 * in the interval that are not in the order of their steps. Takes as long as reading the histories twice. */
int store_metric_interval(struct store *store, const char *const *run_ids, size_t run_count, const char *key,
                          const struct metric_interval *interval, struct arena *arena, struct metric_run_point **ret,
                          size_t *ret_count, struct err *err);

struct metric_measured {
    struct metric_point point;
    const char *run_id;
    const char *dataset_name;   /* NULL: none */
    const char *dataset_digest; /* NULL: none */
};
/* The points measured on a model, by whichever run and on whichever data: by time, step, key, data, run, value. Of more
 * than `limit` (at least 1) the newest of each series, of each no more than its share of `limit`; of more series than
 * that, one point of each of the first `limit` by key. */
int store_metrics_measured(struct store *store, const char *model_id, size_t limit, struct arena *arena,
                           struct metric_measured **ret, size_t *ret_count, struct err *err);

/* Forgets all metrics of a run; one that has none is fine. What they were measured on by other runs stays. The rows of
 * keys, models and data that nothing is left of stay too: they are few, and the next run has them again. */
int store_metrics_delete_run(struct store *store, const char *run_id, struct err *err);

#endif
