/* SPDX-License-Identifier: Apache-2.0
 * Orders: "metrics.loss DESC", "start_time", "min(metrics.loss) ASC". MLflow's grammar, and min, max and last of a
 * metric.
 */
#ifndef SLUICE_SEARCH_ORDER_H
#define SLUICE_SEARCH_ORDER_H

#include "base/arena.h"
#include "search/family.h"

enum { ORDER_CLAUSES_MAX = 20 };

struct search_order {
    struct search_field field;
    bool descending;
};

/* One item for each clause. ERR_INPUT in MLflow's words, also when one field stands in two clauses, which
 * only experiments and evaluation datasets take. */
int order_parse(enum search_family family, const char *const *clauses, size_t count, struct arena *arena,
                struct search_order **ret, struct err *err);
/* The same field in both? */
bool search_field_equal(const struct search_field *a, const struct search_field *b);

#endif
