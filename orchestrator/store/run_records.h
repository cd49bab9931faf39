/* SPDX-License-Identifier: Apache-2.0
 * Runs whole, as runs/get and runs/search answer them.
 */
#ifndef SLUICE_STORE_RUN_RECORDS_H
#define SLUICE_STORE_RUN_RECORDS_H

#include "store/run_links.h"

struct metric_latest;

struct run_pair {
    struct str key, value;
};

struct run_record {
    struct run_info info;
    struct run_pair *params, *tags; /* sorted by key */
    size_t param_count, tag_count;
    struct metric_latest *metrics; /* the latest of each key, sorted by key (metrics.h) */
    size_t metric_count;
    struct run_links links;
};
/* Runs of different ids, in that order, deleted ones also; those that are not there are left out. `ret` has room for
 * all. A page of them costs little more than its rows. */
int store_runs_read(struct store *store, const char *const *run_ids, size_t count, struct arena *arena,
                    struct run_record *ret, size_t *ret_count, struct err *err);
/* One of them. ERR_NOT_FOUND in MLflow's words. */
int store_run_read(struct store *store, const char *run_id, struct arena *arena, struct run_record *ret,
                   struct err *err);

#endif
