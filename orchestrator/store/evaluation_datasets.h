/* SPDX-License-Identifier: Apache-2.0
 * Evaluation datasets of MLflow's GenAI clients: a name, tags, experiments that use it. Their records are in
 * store/evaluation_records.h.
 */
#ifndef SLUICE_STORE_EVALUATION_DATASETS_H
#define SLUICE_STORE_EVALUATION_DATASETS_H

#include "base/json.h"
#include "store/store.h"

#include <stdint.h>

/* The tag that says who made a dataset or a record. */
#define EVALUATION_USER_TAG "mlflow.user"

struct evaluation_dataset {
    const char *dataset_id;
    const char *name;
    const char *schema;  /* JSON as Python writes it: {"inputs": {"q": "string"}, ...}; NULL: it never had records */
    const char *profile; /* {"num_records": 3}, or "null" when all are gone; NULL: it never had records */
    const char *digest;
    int64_t created_ms;
    int64_t updated_ms;
    const char *created_by; /* NULL: not said */
    const char *updated_by;
};

/* With dataset_id, name and created_ms; the rest is made. `tags` is an object, or NULL: what is no text becomes what
 * Python's str() shows; experiments need not be there. ERR_INPUT for what is too long. */
enum { EVALUATION_EXPERIMENTS_MAX = 10000 };
int store_evaluation_create(struct store *store, const struct evaluation_dataset *dataset, const struct json *tags,
                            const char *const *experiments, size_t experiment_count, struct err *err);
/* ERR_NOT_FOUND in MLflow's words. */
int store_evaluation_get(struct store *store, const char *dataset_id, struct arena *arena,
                         struct evaluation_dataset *ret, struct err *err);
/* With its records. One that is not there is no error. */
int store_evaluation_delete(struct store *store, const char *dataset_id, struct err *err);

/* An object of texts and nulls. */
int store_evaluation_tags(struct store *store, const char *dataset_id, struct arena *arena, struct json *ret,
                          struct err *err);
/* Adds or changes; a null changes nothing. */
int store_evaluation_set_tags(struct store *store, const char *dataset_id, const struct json *tags, struct err *err);
/* One that is not there is no error. */
int store_evaluation_delete_tag(struct store *store, const char *dataset_id, const char *key, struct err *err);

/* In the order in which they came. */
int store_evaluation_experiments(struct store *store, const char *dataset_id, struct arena *arena, const char ***ret,
                                 size_t *ret_count, struct err *err);
/* Each must be there, deleted or not. */
int store_evaluation_add(struct store *store, const char *dataset_id, const char *const *experiments, size_t count,
                         int64_t now_ms, struct err *err);
int store_evaluation_remove(struct store *store, const char *dataset_id, const char *const *experiments, size_t count,
                            int64_t now_ms, struct err *err);
/* Of a dataset whose records came at that time: what MLflow takes it from. */
struct digest store_evaluation_digest(const char *name, int64_t updated_ms);

#endif
