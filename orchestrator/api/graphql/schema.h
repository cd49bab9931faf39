/* SPDX-License-Identifier: Apache-2.0
 * What can be asked, as tables: types, their fields, what a field takes, and who answers it.
 *
 * What answers is a tree of JSON whose names are in snake_case; a field without a resolver is the member of that name
 * ("runId" is "run_id"). A member that is not there stands for the empty value of its type, as in protobuf: "", 0,
 * an empty list, an object of such values.
 */
#ifndef SLUICE_API_GRAPHQL_SCHEMA_H
#define SLUICE_API_GRAPHQL_SCHEMA_H

#include "api/graphql/document.h"
#include "base/json.h"

enum graphql_type_kind {
    GRAPHQL_TYPE_STRING,
    GRAPHQL_TYPE_INT, /* of 32 bits */
    GRAPHQL_TYPE_FLOAT,
    GRAPHQL_TYPE_BOOL,
    GRAPHQL_TYPE_LONG, /* an integer of 64 bits, as text: "LongString" */
    GRAPHQL_TYPE_ENUM,
    GRAPHQL_TYPE_OBJECT,
    GRAPHQL_TYPE_INPUT,
};

struct graphql_type;

/* 0 with the value, or -1 with what is told of it; then the field is null. `arguments`: an object, by the field's. */
typedef int graphql_resolver(void *ctx, const struct json *parent, const struct json *arguments, struct json *ret,
                             struct err *err);

/* Of a type, or an argument of such a field. */
struct graphql_field {
    const char *name; /* NULL ends a table */
    enum graphql_type_kind kind;
    bool list;
    const struct graphql_type *type;       /* of an enum, object or input */
    const struct graphql_field *arguments; /* NULL: takes none */
    graphql_resolver *resolve;             /* NULL: the member */
    bool nullable;                         /* null when the member is not there */
    bool nan_is_null;                      /* else a number that is none is an error */
    bool required;                         /* of an argument */
};

struct graphql_type {
    const char *name;
    const struct graphql_field *fields; /* of an object or input */
    const char *const *words;           /* of an enum; the first stands for what is not there; NULL ends */
};

struct graphql_schema {
    const struct graphql_type *query, *mutation;
    const struct graphql_type *const *objects; /* all of them; NULL ends, as in the others */
    const struct graphql_type *const *inputs;
    const struct graphql_type *const *enums;
};

/* Where a directive may stand: bits. */
enum {
    GRAPHQL_ON_QUERY = 1,
    GRAPHQL_ON_MUTATION = 2,
    GRAPHQL_ON_SUBSCRIPTION = 4,
    GRAPHQL_ON_FRAGMENT = 8,
    GRAPHQL_ON_FIELD = 16,
    GRAPHQL_ON_SPREAD = 32,
    GRAPHQL_ON_INLINE = 64,
    GRAPHQL_ON_VARIABLE = 128,
};

struct graphql_directive_rule {
    const char *name; /* NULL ends the table */
    unsigned places;
    struct graphql_field argument; /* each has one */
};

/* skip, include; component, by which MLflow's page names who asks. */
extern const struct graphql_directive_rule graphql_directive_rules[];

/* NULL when there is none. */
const struct graphql_field *graphql_field_of(const struct graphql_field *fields, struct str name);
const struct graphql_type *graphql_type_of(const struct graphql_type *const *types, struct str name);
const struct graphql_directive_rule *graphql_directive_rule_of(struct str name);
/* The field as a type is named: "[String]", "Boolean!". */
const char *graphql_type_text(const struct graphql_field *field, struct arena *arena);
/* The same of what a document names. */
const char *graphql_ref_text(const struct graphql_type_ref *ref, struct arena *arena);
/* The innermost name. */
struct str graphql_ref_name(const struct graphql_type_ref *ref);
/* The type of values that a document names, for the value of a variable; false when it is none. A list of lists is
 * none: no argument takes one. */
bool graphql_input_of(const struct graphql_schema *schema, const struct graphql_type_ref *ref,
                      struct graphql_field *ret);

#endif
