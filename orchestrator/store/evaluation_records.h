/* SPDX-License-Identifier: Apache-2.0
 * Records of evaluation datasets. What a record is found again by is the SHA-256 of its inputs, written by Python with
 * sorted keys: the same as MLflow's, so that records that were moved here are found again, too.
 */
#ifndef SLUICE_STORE_EVALUATION_RECORDS_H
#define SLUICE_STORE_EVALUATION_RECORDS_H

#include "base/json.h"
#include "base/rng.h"
#include "store/store.h"

#include <stdint.h>

enum {
    EVALUATION_RECORDS_RESULTS = 1000,
    EVALUATION_PAGE_BYTES = 16 << 20, /* a page ends with the record that passes it */
};

/* Objects with "inputs", "outputs", "expectations", "tags" and "source". One whose inputs are there already gets its
 * outputs replaced, expectations and tags merged; the dataset gets a new schema, profile and digest. ERR_INPUT names
 * the record that is none; ERR_NOT_FOUND. */
int store_evaluation_upsert(struct store *store, const char *dataset_id, const struct json *records, struct rng *rng,
                            int64_t now_ms, int64_t *ret_inserted, int64_t *ret_updated, struct err *err);
/* A page in the order in which they came: the text of a JSON list, as Python writes it. `*ret_next` is NULL after the
 * last. A dataset that is not there has none. */
int store_evaluation_records(struct store *store, const char *dataset_id, int64_t max_results, const char *page_token,
                             struct arena *arena, struct str *ret_list, const char **ret_next, struct err *err);
/* Those that are there. */
int store_evaluation_delete_records(struct store *store, const char *dataset_id, const char *const *record_ids,
                                    size_t count, int64_t *ret_deleted, struct err *err);

#endif
