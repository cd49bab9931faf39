/* SPDX-License-Identifier: Apache-2.0
 * What a run of a pipeline is compared with when somebody is told of it: the runs before it, and what its steps read.
 */
#ifndef SLUICE_STORE_RUN_BEFORE_H
#define SLUICE_STORE_RUN_BEFORE_H

#include "base/json.h"
#include "store/pipeline_runs.h"

/* The id of the last run of its pipeline that succeeded before it and that no gate refused; NULL: there is none. Runs
 * that are steps of others, or only replay a gate, do not count, here and below. */
int store_run_last_good(struct store *store, const struct pipeline_run *run, struct arena *arena, const char **ret,
                        struct err *err);
/* Did the run before it, cancelled ones aside, fail, or was it refused? 1 or 0. */
int store_run_follows_failure(struct store *store, const struct pipeline_run *run, struct err *err);
/* {"train.wine.csv": "sha256:..."}: the inputs of its steps, as far as they have digests. */
int store_run_inputs_seen(struct store *store, const char *run_id, struct arena *arena, struct json *ret,
                          struct err *err);
/* The attempt that failed last: 1 with its id and step, or 0. */
int store_run_failed_attempt(struct store *store, const char *run_id, struct arena *arena, int64_t *ret_id,
                             const char **ret_step, const char **ret_reason, struct err *err);

/* The version of the model that the newest approval of the run is about; NULL and 0: there is none. */
int store_approved_version(struct store *store, const char *run_id, struct arena *arena, const char **ret_name,
                           int64_t *ret_version, struct err *err);

#endif
