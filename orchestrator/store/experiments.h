/* SPDX-License-Identifier: Apache-2.0
 * Experiments, as MLflow has them. Ids are integers written in decimal; "0" is "Default".
 */
#ifndef SLUICE_STORE_EXPERIMENTS_H
#define SLUICE_STORE_EXPERIMENTS_H

#include "store/store.h"

#include <stdint.h>

struct experiment {
    int64_t id;
    const char *name;
    const char *artifact_location; /* "": the home's own folder for it */
    bool deleted;
    int64_t created_ms;
    int64_t updated_ms;
    int64_t run_count; /* runs that are not deleted; 0 for a deleted experiment */
};

/* The experiment of this name, created when there is none. A deleted one of that name is ERR_STATE. Names: 1 to 500
 * characters (mlflow.utils.validation). */
int store_experiment_ensure(struct store *store, const char *name, int64_t now_ms, int64_t *ret_id, struct err *err);
int store_experiment_get(struct store *store, int64_t id, struct arena *arena, struct experiment *ret, struct err *err);
/* 0 when it exists and is active. ERR_NOT_FOUND, or ERR_INPUT with MLflow's words when it is deleted. */
int store_experiment_require_active(struct store *store, int64_t id, struct err *err);
/* Sets or replaces. Keys by MLflow's rules, values of at most 20000 characters (mlflow 3.17; 5000
 * before), of an active experiment. */
int store_experiment_set_tag(struct store *store, int64_t id, const char *key, const char *value, struct err *err);
/* All that are not deleted, newest use first: changed itself, or a run of it started. */
int store_experiment_list(struct store *store, struct arena *arena, struct experiment **ret, size_t *ret_count,
                          struct err *err);

#endif
