/* SPDX-License-Identifier: Apache-2.0
 * How much one document may ask for: MLflow's limits, in MLflow's words. They are looked at before anything else, and
 * hold fragments that spread themselves, too.
 */
#ifndef SLUICE_API_GRAPHQL_LIMITS_H
#define SLUICE_API_GRAPHQL_LIMITS_H

#include "api/graphql/document.h"

enum {
    GRAPHQL_DEPTH_MAX = 10,
    GRAPHQL_SELECTIONS_MAX = 1000,
    GRAPHQL_ROOTS_MAX = 10,   /* fields of the operations themselves */
    GRAPHQL_ALIASES_MAX = 10, /* in one set of selections, with those of its fragments */
};

/* ERR_LIMIT. */
int graphql_check_limits(const struct graphql_document *document, struct arena *arena, struct err *err);

#endif
