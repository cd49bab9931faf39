/* SPDX-License-Identifier: Apache-2.0
 * Searching registered models and model versions: MLflow's filters and orders (search/filter.h) over the rows of the
 * store, page by page.
 *
 * Prompts are registered models, too, with the tag mlflow.prompt.is_prompt. As in MLflow they are hidden, unless the
 * filter asks for them: its first condition on that tag is = 'true' (in any case) or != 'false', and then it is a
 * condition as any other. Else all its conditions on that tag are dropped.
 */
#ifndef SLUICE_STORE_REGISTRY_SEARCH_H
#define SLUICE_STORE_REGISTRY_SEARCH_H

#include "store/permissions.h"
#include "store/registry.h"
#include "store/search_page.h"

enum { REGISTERED_SEARCH_RESULTS = 100, REGISTERED_SEARCH_RESULTS_MAX = 1000 };
enum { VERSION_SEARCH_RESULTS = 10000, VERSION_SEARCH_RESULTS_MAX = 200000 };

struct registry_query {
    const char *filter; /* NULL or "": all */
    const char *const *order_by; /* "name ASC", "last_updated_timestamp DESC": what sorts first stands first */
    size_t order_by_count;
    int64_t max_results;
    const char *page_token; /* NULL or "": the first page */
    const struct reader *reader; /* NULL: may read all */
};

struct registered_page {
    struct registered_model *models;
    size_t count;
    const char *next_page_token; /* NULL: this was the last page */
};

struct version_page {
    struct model_version *versions;
    size_t count;
    const char *next_page_token; /* NULL: this was the last page */
};

/* By name, also where a given order leaves rows equal. ERR_INPUT, mostly in MLflow's words, for a filter, an order, a
 * number or a token that is none. */
int store_registered_search(struct store *store, const struct registry_query *query, struct arena *arena,
                            struct registered_page *ret, struct err *err);
/* Last updated first, then by name, greatest version first; these two also where a given order leaves rows equal.
 * Deleted versions are never found. */
int store_version_search(struct store *store, const struct registry_query *query, struct arena *arena,
                         struct version_page *ret, struct err *err);

#endif
