/* SPDX-License-Identifier: Apache-2.0
 * Experiments, as MLflow has them. Ids are integers written in decimal; "0" is "Default".
 */
#ifndef SLUICE_STORE_EXPERIMENTS_H
#define SLUICE_STORE_EXPERIMENTS_H

#include "base/json.h"
#include "store/pair.h"
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
/* A new one with its tags (the last word counts), as MLflow's clients make it: a name that is taken, also by a deleted
 * experiment, is ERR_EXISTS. `artifact_location` is kept as it is, NULL and "" are the home's own folder for it; what a
 * client may ask for is checked before, by artifact_location_check (artifact_uri.h). */
int store_experiment_create(struct store *store, const char *name, const char *artifact_location,
                            const struct pair *tags, size_t tag_count, int64_t now_ms, int64_t *ret_id,
                            struct err *err);
/* Deleted ones also. ERR_NOT_FOUND in MLflow's words. */
int store_experiment_get(struct store *store, int64_t id, struct arena *arena, struct experiment *ret, struct err *err);
int store_experiment_find(struct store *store, const char *name, struct arena *arena, struct experiment *ret,
                          struct err *err);
/* 0 when it exists and is active. ERR_NOT_FOUND, or ERR_INPUT with MLflow's words when it is deleted. */
int store_experiment_require_active(struct store *store, int64_t id, struct err *err);
/* Sets or replaces. Keys by MLflow's rules, values of at most 20000 characters (mlflow 3.17; 5000
 * before), of an active experiment. */
int store_experiment_set_tag(struct store *store, int64_t id, const char *key, const char *value, struct err *err);
/* ERR_NOT_FOUND "No tag with name: ..." when there is none. Of an active experiment. */
int store_experiment_delete_tag(struct store *store, int64_t id, const char *key, struct err *err);
/* A map of text, keys sorted; of a deleted one too. */
int store_experiment_tags(struct store *store, int64_t id, struct arena *arena, struct json *ret, struct err *err);

/* ---- lifecycle: a mark on the experiment alone. Its runs are read as deleted through it, however many they are, and
 * those that were deleted by themselves stay so when it comes back. ---- */
/* ERR_NOT_FOUND in MLflow's words unless it is active. */
int store_experiment_delete(struct store *store, int64_t id, int64_t now_ms, struct err *err);
/* With all its runs, also those that had been deleted before it. ERR_NOT_FOUND in MLflow's words unless it is
 * deleted. */
int store_experiment_restore(struct store *store, int64_t id, int64_t now_ms, struct err *err);
/* ERR_STATE "Cannot rename a non-active experiment."; ERR_EXISTS when another one has the name. */
int store_experiment_rename(struct store *store, int64_t id, const char *name, int64_t now_ms, struct err *err);

/* All that are not deleted, newest use first: changed itself, or a run of it started. */
int store_experiment_list(struct store *store, struct arena *arena, struct experiment **ret, size_t *ret_count,
                          struct err *err);

/* Where clients said that the artifacts of an experiment are to be. */
struct experiment_location {
    int64_t experiment_id;
    const char *location;
};
/* Of all that have another place than the home's own folder for them, deleted ones also. */
int store_experiment_locations(struct store *store, struct arena *arena, struct experiment_location **ret,
                               size_t *ret_count, struct err *err);

#endif
