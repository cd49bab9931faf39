/* SPDX-License-Identifier: Apache-2.0
 * Searching experiments: MLflow's filters and orders (search/filter.h) over the rows of the store, page by page.
 */
#ifndef SLUICE_STORE_EXPERIMENT_SEARCH_H
#define SLUICE_STORE_EXPERIMENT_SEARCH_H

#include "store/experiments.h"
#include "store/permissions.h"
#include "store/search_page.h"

enum { EXPERIMENT_SEARCH_RESULTS = 1000, EXPERIMENT_SEARCH_RESULTS_MAX = 50000 };

struct experiment_query {
    const char *filter; /* NULL or "": all */
    const char *const *order_by; /* "name ASC", "creation_time DESC": what sorts first stands first */
    size_t order_by_count;
    enum search_view view;
    int64_t max_results;
    const char *page_token; /* NULL or "": the first page */
    const struct reader *reader; /* NULL: may read all */
};

struct experiment_page {
    struct experiment *experiments; /* run_count is 0: nobody asks for it in a search */
    size_t count;
    const char *next_page_token; /* NULL: this was the last page */
};

/* Without an order: newest first, then by id; rows that a given order leaves equal: greatest id first. ERR_INPUT,
 * mostly in MLflow's words, for a filter, an order, a number or a token that is none. */
int store_experiment_search(struct store *store, const struct experiment_query *query, struct arena *arena,
                            struct experiment_page *ret, struct err *err);

#endif
