/* SPDX-License-Identifier: Apache-2.0
 * Searching traces: MLflow's filters and orders (search/filter.h) over the rows of the store, page by page.
 */
#ifndef SLUICE_STORE_TRACE_SEARCH_H
#define SLUICE_STORE_TRACE_SEARCH_H

#include "store/search_page.h"
#include "store/traces.h"

enum { TRACE_SEARCH_RESULTS = 100, TRACE_SEARCH_RESULTS_MAX = 500 };

struct trace_query {
    const int64_t *experiments; /* of these only */
    size_t experiment_count;
    const char *filter; /* NULL or "": all */
    const char *const *order_by; /* "timestamp_ms ASC", "tags.kind": what sorts first stands first */
    size_t order_by_count;
    int64_t max_results;
    const char *page_token; /* NULL or "": the first page */
};

struct trace_page {
    struct trace *traces;
    size_t count;
    const char *next_page_token; /* NULL: this was the last page */
};

/* What an order leaves equal, and all without one: the newest first, then by id. ERR_INPUT, mostly in MLflow's words,
 * for a filter, an order, a number or a token that is none. */
int store_trace_search(struct store *store, const struct trace_query *query, struct arena *arena,
                       struct trace_page *ret, struct err *err);

#endif
