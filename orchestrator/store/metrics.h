/* SPDX-License-Identifier: Apache-2.0
 * Metric series: per (run, key, model, dataset) a row with latest, min, max and count, blocks of compressed points, and
 * a small tail of single points (decisions.md 24). A batch sent twice changes nothing.
 */
#ifndef SLUICE_STORE_METRICS_H
#define SLUICE_STORE_METRICS_H

#include "store/store.h"

#include <stdint.h>

struct metric_point {
    const char *key;
    double value; /* NaN allowed; infinities are clamped to the largest double, -0 becomes 0 */
    int64_t step;
    int64_t time_ms;
};

/* Where a batch of points belongs; model_id, dataset_name, dataset_digest may be NULL. */
struct metric_target {
    const char *run_id;
    const char *model_id;
    const char *dataset_name;
    const char *dataset_digest;
};
/* Keys are checked (mlflow-api.md 4.2, 4.3): ERR_INPUT names the first bad one and nothing of the batch is stored. */
int store_metrics_log(struct store *store, const struct metric_target *target, const struct metric_point *points, size_t count, struct err *err);

struct metric_latest {
    const char *key;
    double value; /* by (step, time, value), NaN compared as 0 */
    int64_t step;
    int64_t time_ms;
    double min, max; /* NaN when all points are */
    int64_t count;
    const char *dataset_name;   /* NULL: none */
    const char *dataset_digest; /* NULL: none */
};
/* Latest of each key of a run, sorted by key: the union of its series. */
int store_metrics_of_run(struct store *store, const char *run_id, struct arena *arena, struct metric_latest **ret, size_t *ret_count, struct err *err);
/* Latest of each (key, dataset) measured on a model, by any run; with `dataset_digest` only those on it. */
int store_metrics_of_model(struct store *store, const char *model_id, const char *dataset_digest, struct arena *arena, struct metric_latest **ret, size_t *ret_count, struct err *err);
/* The whole history of a key of a run, ordered by time, step, value, without duplicates; at most `limit` points after the
 * first `skip`. */
int store_metric_history(struct store *store, const char *run_id, const char *key, size_t skip, size_t limit, struct arena *arena, struct metric_point **ret, size_t *ret_count, struct err *err);

#endif
