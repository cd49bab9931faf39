/* SPDX-License-Identifier: Apache-2.0
 * Searching evaluation datasets: MLflow's filters and orders (search/filter.h) over the rows of the store, by pages.
 */
#ifndef SLUICE_STORE_EVALUATION_SEARCH_H
#define SLUICE_STORE_EVALUATION_SEARCH_H

#include "store/evaluation_datasets.h"
#include "store/permissions.h"
#include "store/search_page.h"

enum { EVALUATION_SEARCH_RESULTS = 1000, EVALUATION_SEARCH_RESULTS_MAX = 50000 };

struct evaluation_query {
    const char *const *experiments; /* of one of these; none: of any, or of no experiment */
    size_t experiment_count;
    const char *filter; /* NULL or "": all */
    const char *const *order_by; /* "name ASC": what sorts first stands first */
    size_t order_by_count;
    int64_t max_results;
    const char *page_token; /* NULL or "": the first page */
    const struct reader *reader; /* only those all of whose experiments he may read; NULL: all */
};

struct evaluation_page {
    struct evaluation_dataset *datasets;
    size_t count;
    const char *next_page_token; /* NULL: this was the last page */
};

/* Without an order the newest first, and of what an order leaves equal the greatest id. ERR_INPUT, mostly in MLflow's
 * words, for a filter, an order, a number or a token that is none. */
int store_evaluation_search(struct store *store, const struct evaluation_query *query, struct arena *arena,
                            struct evaluation_page *ret, struct err *err);

#endif
