/* SPDX-License-Identifier: Apache-2.0
 * What a client logs into a run at once, as MLflow's log-batch, log-metric and log-parameter have it.
 */
#ifndef SLUICE_STORE_RUN_BATCH_H
#define SLUICE_STORE_RUN_BATCH_H

#include "store/metrics.h"
#include "store/pair.h"
#include "store/store.h"

#include <stddef.h>

enum { BATCH_METRICS_MAX = 1000, BATCH_PARAMS_MAX = 100, BATCH_TAGS_MAX = 100, BATCH_ITEMS_MAX = 1000 };

/* A point, and what it was measured on; each of the three may be NULL or "". */
struct metric_entry {
    struct metric_point point;
    const char *model_id;
    const char *dataset_name;
    const char *dataset_digest;
};

struct run_batch {
    const struct metric_entry *metrics;
    size_t metric_count;
    const struct pair *params;
    size_t param_count;
    const struct pair *tags;
    size_t tag_count;
};
/* Params, metrics and tags, in the caller's transaction. All is checked before any of it is written, in MLflow's order
 * and words: keys, values and times ("metrics[3].name", "params[0].key", "tags[1].key"), the four limits, a param
 * given twice (even with one value), the run, params that have another value already (all of them in one message),
 * models that do not exist (ERR_NOT_FOUND; deleted ones do). An error of the store itself may leave a part: roll back.
 * Nothing changes when it is sent again. Values that are too long are cut (runs.h). A point with a model is in the
 * history of the run and on the model. */
int store_run_log_batch(struct store *store, const char *run_id, const struct run_batch *batch, struct err *err);
/* One point: the same, but messages name "name" and "timestamp" alone. */
int store_run_log_metric(struct store *store, const char *run_id, const struct metric_entry *metric, struct err *err);

#endif
