/* SPDX-License-Identifier: Apache-2.0
 * Searching runs: MLflow's filters and orders (search/filter.h) over the rows of the store, page by page.
 */
#ifndef SLUICE_STORE_RUN_SEARCH_H
#define SLUICE_STORE_RUN_SEARCH_H

#include "store/runs.h"
#include "store/search_page.h"

enum { RUN_SEARCH_RESULTS = 1000, RUN_SEARCH_RESULTS_MAX = 50000 }; /* MLflow's default and bound of max_results */

struct run_query {
    const int64_t *experiments; /* none: nothing is found. Unknown ones have no runs; one named twice counts once */
    size_t experiment_count;
    const char *filter; /* NULL or "": all */
    const char *const *order_by; /* "metrics.loss DESC", "start_time": what sorts first stands first */
    size_t order_by_count;
    enum search_view view; /* a run is deleted when it is itself, or its experiment */
    int64_t max_results;
    const char *page_token; /* NULL or "": the first page */
};

struct run_page {
    const char **run_ids;
    size_t count;
    const char *next_page_token; /* NULL: this was the last page */
};

/* Without an order, or where it leaves rows equal: newest start first, then by run id. Rows that have no value for a
 * key of the order come last, whichever way it goes; a metric that is NaN comes before those and behind all numbers.
 * ERR_INPUT, mostly in MLflow's words, for a filter, an order, a number or a token that is none. */
int store_run_search(struct store *store, const struct run_query *query, struct arena *arena, struct run_page *ret,
                     struct err *err);
/* Searches by a metric are quickest over runs that ended after they were measured, as runs do. For those that had ended
 * before (an import), this makes up for it, once everything is recorded; it takes as long as reading all series. */
int store_run_search_settle(struct store *store, struct err *err);

#endif
