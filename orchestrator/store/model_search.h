/* SPDX-License-Identifier: Apache-2.0
 * Searching logged models: MLflow's filters and orders (search/filter.h) over the rows of the store, page by page.
 */
#ifndef SLUICE_STORE_MODEL_SEARCH_H
#define SLUICE_STORE_MODEL_SEARCH_H

#include "store/models.h"
#include "store/search_page.h"

enum { MODEL_SEARCH_RESULTS = 50 }; /* MLflow has no bound here: store_model_search's is RUN_SEARCH_RESULTS_MAX */

/* Data that metrics of the filter must have been measured on. */
struct model_search_dataset {
    const char *name;   /* NULL or "": ERR_INPUT */
    const char *digest; /* NULL or "": whichever */
};

struct model_search_order {
    const char *field_name; /* "metrics.loss", or an attribute: "creation_timestamp" */
    bool ascending;
    const char *dataset_name, *dataset_digest; /* of a metric: measured on such data only; NULL: on any */
};

struct model_query {
    const int64_t *experiments; /* none: nothing is found */
    size_t experiment_count;
    const char *filter; /* NULL or "": all */
    /* Conditions on metrics count only points measured on one of these. Without such a condition in the filter: models
     * that anything was measured of on one of them. */
    const struct model_search_dataset *datasets;
    size_t dataset_count;
    const struct model_search_order *order_by; /* what sorts first stands first */
    size_t order_by_count;
    int64_t max_results;
    const char *page_token; /* NULL or "": the first page */
};

struct model_page {
    struct logged_model *models;
    size_t count;
    const char *next_page_token; /* NULL: this was the last page */
};

/* Without an order, or where it leaves rows equal: newest first, then by model id. Rows that have no value for a key of
 * the order come last, whichever way it goes. Deleted models are never found. ERR_INPUT, mostly in MLflow's words, for
 * a filter, an order, a dataset, a number or a token that is none. */
int store_model_search(struct store *store, const struct model_query *query, struct arena *arena,
                       struct model_page *ret, struct err *err);

#endif
