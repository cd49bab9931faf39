/* SPDX-License-Identifier: Apache-2.0
 * What the files of runs share: tags and params that were checked, written.
 */
#ifndef SLUICE_STORE_RUNS_INTERNAL_H
#define SLUICE_STORE_RUNS_INTERNAL_H

#include "store/run_list.h"
#include "store/run_links.h"

enum { RUN_TAG_CHARACTERS_MAX = 8000, RUN_PARAM_CHARACTERS_MAX = 6000 };

/* A letter or digit, then at most 255 of those, '_' and '-'; ERR_INPUT in MLflow's words. */
int run_id_check(const char *run_id, struct err *err);
/* MLflow's words for a run that is not there; -1. */
int run_not_found(const char *run_id, struct err *err);

/* Begins a query of which run_info_of_row makes a run; the first column is its id. */
#define RUN_INFO_SELECT                                                                                                \
    "SELECT r.run_id, r.experiment_id, r.name, r.user, r.status, r.start_ms, r.end_ms, r.deleted_ms IS NOT NULL OR "   \
    "e.deleted_ms IS NOT NULL, r.artifact_uri, r.parent_run_id FROM runs AS r JOIN experiments AS e ON e.id = "        \
    "r.experiment_id"
struct run_info run_info_of_row(struct stmt *s, struct arena *arena);

/* Is the run, or its experiment, deleted? ERR_NOT_FOUND when there is no such run. */
int run_read_deleted(struct store *store, const char *run_id, bool *ret_deleted, struct err *err);
/* As store_run_tags_give looks at them. */
int run_tags_check_given(const struct pair *tags, size_t count, struct err *err);
/* The row of one tag alone, whole. */
int run_tag_put(struct store *store, const char *run_id, const char *key, struct str value, struct err *err);
/* All of them, and what the run's row says too; an empty mlflow.runName is passed over. */
/* Of a run that was created just now: none of them is there. */
int run_tags_add(struct store *store, const char *run_id, const struct pair *tags, size_t count, struct err *err);
int run_tags_write(struct store *store, const char *run_id, const struct pair *tags, size_t count, struct err *err);
/* Writes params; those that are there already are passed over, whatever their value. */
int run_params_write(struct store *store, const char *run_id, const struct pair *params, size_t count,
                     struct err *err);
/* The value of a param, NULL when there is none. */
int run_param_read(struct store *store, const char *run_id, const char *key, struct arena *arena, const char **ret,
                   struct err *err);

/* ERR_INPUT beyond MLflow's lengths (runs.h). */
int run_dataset_check(const struct dataset_use *use, struct err *err);
/* The dataset of an experiment, made or completed: its id. */
int run_dataset_put(struct store *store, int64_t experiment_id, const struct dataset_use *use, int64_t *ret_id,
                    struct err *err);
/* What a query says of a dataset from its second column on: DATASET_COLUMNS. */
#define DATASET_COLUMNS                                                                                                \
    "d.id, d.name, d.digest, d.sha256, d.source_type, d.source, d.schema, d.profile, u.context"
stmt_reader run_dataset_of_row; /* struct dataset_use */
/* Links a model, twice is fine. */
int run_model_put(struct store *store, const char *run_id, const char *model_id, bool is_output, int64_t step,
                  struct err *err);

/* store_run_links of each run of a list: `ret` has room for all. */
int run_links_of_list(struct store *store, const struct run_list *list, struct arena *arena, struct run_links *ret,
                      struct err *err);

#endif
