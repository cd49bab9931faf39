/* SPDX-License-Identifier: Apache-2.0
 * A GraphQL document that asks something (GraphQL, October 2021, 2.2 to 2.12): operations and fragments, as a tree in
 * an arena. What defines or extends types is no such document.
 *
 * The reader is bounded: so many bytes, tokens and levels. Whether what is asked for is there is not known here
 * (check.h).
 */
#ifndef SLUICE_API_GRAPHQL_DOCUMENT_H
#define SLUICE_API_GRAPHQL_DOCUMENT_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>

enum { GRAPHQL_BYTES_MAX = 64 << 10, GRAPHQL_TOKENS_MAX = 10000, GRAPHQL_LEVELS_MAX = 200 };

enum graphql_value_kind {
    GRAPHQL_VALUE_VARIABLE,
    GRAPHQL_VALUE_INT,
    GRAPHQL_VALUE_FLOAT,
    GRAPHQL_VALUE_STRING,
    GRAPHQL_VALUE_BOOL,
    GRAPHQL_VALUE_NULL,
    GRAPHQL_VALUE_ENUM,
    GRAPHQL_VALUE_LIST,
    GRAPHQL_VALUE_OBJECT,
};

struct graphql_argument;

struct graphql_value {
    enum graphql_value_kind kind;
    struct str text; /* the name of a variable or enum value, the digits, what the string says */
    struct graphql_value *items;
    struct graphql_argument *fields;
    size_t count; /* of items or fields */
};

/* Of a field or directive; or a field of an object. */
struct graphql_argument {
    struct str name;
    struct graphql_value value;
};

struct graphql_arguments {
    struct graphql_argument *all;
    size_t count;
};

struct graphql_directive {
    struct str name;
    struct graphql_arguments arguments;
};

struct graphql_directives {
    struct graphql_directive *all;
    size_t count;
};

/* "[String!]!": a name, or a list of `inner`. */
struct graphql_type_ref {
    struct str name;
    struct graphql_type_ref *inner;
    bool required;
};

struct graphql_variable {
    struct str name;
    struct graphql_type_ref type;
    struct graphql_value *otherwise; /* NULL: no default */
    struct graphql_directives directives;
};

enum graphql_selection_kind { GRAPHQL_FIELD, GRAPHQL_SPREAD, GRAPHQL_INLINE };

struct graphql_selection;
struct graphql_definition;

struct graphql_selections {
    struct graphql_selection *all;
    size_t count;
};

struct graphql_selection {
    enum graphql_selection_kind kind;
    struct str name;  /* of the field, of the fragment that is spread, of the type that an inline one is on ("": any) */
    struct str alias; /* "": none */
    struct graphql_arguments arguments;
    struct graphql_directives directives;
    struct graphql_selections selections; /* none for a spread, and for a field of which nothing is selected */
    const struct graphql_definition *fragment; /* that is spread; NULL: the document has none of that name */
};

enum graphql_definition_kind { GRAPHQL_QUERY, GRAPHQL_MUTATION, GRAPHQL_SUBSCRIPTION, GRAPHQL_FRAGMENT };

struct graphql_definition {
    enum graphql_definition_kind kind;
    struct str name; /* "": none */
    struct str on;   /* the type that a fragment is on */
    struct graphql_variable *variables;
    size_t variable_count;
    struct graphql_directives directives;
    struct graphql_selections selections;
};

struct graphql_document {
    struct graphql_definition *definitions;
    size_t count;
};

/* ERR_INPUT "Syntax Error: ...". The text is valid UTF-8, and lives as long as the arena. */
int graphql_document_read(struct str text, struct arena *arena, struct graphql_document *ret, struct err *err);
/* The name that a field has in the answer. */
struct str graphql_response_name(const struct graphql_selection *field);

#endif
