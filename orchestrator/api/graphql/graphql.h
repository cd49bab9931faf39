/* SPDX-License-Identifier: Apache-2.0
 * GraphQL: from the text of a document to its answer, by a schema (schema.h).
 *
 *     read (document.h) -> limits (limits.h) -> check (check.h) -> variables (input.h) -> plan and answer (here)
 *
 * Pure but for the resolvers of the schema.
 */
#ifndef SLUICE_API_GRAPHQL_GRAPHQL_H
#define SLUICE_API_GRAPHQL_GRAPHQL_H

#include "api/graphql/schema.h"

struct graphql_request {
    struct str query;             /* valid UTF-8 */
    const struct json *variables; /* an object, or NULL */
    const char *operation;        /* which of them; NULL: the only one */
};

/* `*ret_data` is null when nothing was executed; `*ret_errors` is a list of texts, empty when all went well. -1 with
 * ERR_INPUT for a text that is no document. */
int graphql_answer(const struct graphql_schema *schema, const struct graphql_request *request, void *ctx,
                   struct arena *arena, struct json *ret_data, struct json *ret_errors, struct err *err);

#endif
