/* SPDX-License-Identifier: Apache-2.0
 * Whether what a document asks for is there (GraphQL, October 2021, 5): names, types, arguments, variables, fragments,
 * directives. The messages are those of graphql-core, which MLflow's server answers with.
 *
 * Introspection is not offered: "__schema" and "__type" are fields that are not there.
 */
#ifndef SLUICE_API_GRAPHQL_CHECK_H
#define SLUICE_API_GRAPHQL_CHECK_H

#include "api/graphql/schema.h"

enum { GRAPHQL_ERRORS_MAX = 100 };

/* What is wrong with it, as texts; an empty list for a document that can be executed. The document has passed
 * graphql_check_limits. */
void graphql_check(const struct graphql_document *document, const struct graphql_schema *schema, struct arena *arena,
                   struct json *ret_errors);

/* ---- for the files of the check -------------------------------------------------------------------------------- */

struct graphql_check {
    const struct graphql_document *document;
    const struct graphql_schema *schema;
    struct arena *arena;
    struct json errors;
};

void graphql_report(struct graphql_check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* " Did you mean 'X'?" for the nearest name of the fields, or "". */
const char *graphql_guess(struct graphql_check *check, const struct graphql_field *fields, struct str name);
/* The type that a definition selects from; NULL when there is none. */
const struct graphql_type *graphql_root_of(const struct graphql_schema *schema,
                                           const struct graphql_definition *definition);

/* check_values.c: a value where that type is expected. */
void graphql_check_value(struct graphql_check *check, const struct graphql_field *type,
                         const struct graphql_value *value);
/* Of the field `on` ("field 'Query.test'", "directive '@skip'"), which takes those. */
void graphql_check_arguments(struct graphql_check *check, const struct graphql_field *takes,
                             const struct graphql_arguments *given, bool of_directive, const char *on);
void graphql_check_directives(struct graphql_check *check, const struct graphql_directives *directives, unsigned place);
/* check_variables.c: those of one operation, and where it and its fragments use them. */
void graphql_check_variables(struct graphql_check *check, const struct graphql_definition *operation);
/* check_overlap.c: fields that would have one name in the answer, and are not the same. */
void graphql_check_overlap(struct graphql_check *check, const struct graphql_definition *operation);

#endif
