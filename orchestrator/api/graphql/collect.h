/* SPDX-License-Identifier: Apache-2.0
 * The fields of sets of selections by the names that they have in the answer, in order, with what their fragments add
 * (GraphQL, October 2021, 6.3.2). Fields of one name stand together: what is selected of them is merged.
 */
#ifndef SLUICE_API_GRAPHQL_COLLECT_H
#define SLUICE_API_GRAPHQL_COLLECT_H

#include "api/graphql/document.h"
#include "base/json.h"

struct graphql_group {
    struct str name;
    const struct graphql_selection **fields; /* at least one */
    size_t count, room;
};

struct graphql_groups {
    struct graphql_group *all;
    size_t count, room;
};

/* Of the document's operation: all its selections. With `variables` what is skipped is left out; NULL: all is there. */
struct graphql_groups graphql_collect_root(const struct graphql_document *document,
                                           const struct graphql_definition *operation, const struct json *variables,
                                           struct arena *arena);
/* What is selected of the fields of a group. */
struct graphql_groups graphql_collect(const struct graphql_document *document, const struct graphql_group *group,
                                      const struct json *variables, struct arena *arena);

#endif
