/* SPDX-License-Identifier: Apache-2.0
 * Values that a document or a client's variables give, as JSON by the type that is expected (GraphQL, October 2021,
 * 6.1.2 and 6.4.1).
 */
#ifndef SLUICE_API_GRAPHQL_INPUT_H
#define SLUICE_API_GRAPHQL_INPUT_H

#include "api/graphql/schema.h"

/* The variables of an operation, by what the client gave (an object, or null for none): an object. Those that are not
 * given and have no default are not in it. ERR_INPUT with the first that is wrong. */
int graphql_variables(const struct graphql_schema *schema, const struct graphql_definition *operation,
                      const struct json *given, struct arena *arena, struct json *ret, struct err *err);
/* A value of a document that has been checked (check.h). False for a variable that has no value. */
bool graphql_value_json(const struct graphql_field *type, const struct graphql_value *value,
                        const struct json *variables, struct arena *arena, struct json *ret);
/* The arguments of a field, of those that it takes: an object. */
struct json graphql_arguments_json(const struct graphql_field *takes, const struct graphql_arguments *given,
                                   const struct json *variables, struct arena *arena);
/* The value as it stands in a document, on one line. */
struct str graphql_value_text(const struct graphql_value *value, struct arena *arena);

#endif
