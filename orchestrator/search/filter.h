/* SPDX-License-Identifier: Apache-2.0
 * Filters: MLflow's grammar as its 3.17 has it, and what it refuses that we understand (docs/search.md). Text in, a
 * tree out; nothing here knows the store.
 *
 *     filter     := any
 *     any        := all ( OR all )*
 *     all        := not ( [AND] not )*                 MLflow needs no AND between two conditions
 *     not        := NOT not | '(' any ')' | condition
 *     condition  := name operator value | name [NOT] IN list | name IS [NOT] NULL
 *     name       := field | ( min | max | last ) '(' field ')'
 *
 * A condition is true or false, and false when there is no value to compare.
 */
#ifndef SLUICE_SEARCH_FILTER_H
#define SLUICE_SEARCH_FILTER_H

#include "base/arena.h"
#include "search/family.h"

#include <stdint.h>

/* Beyond these ERR_LIMIT. */
enum {
    FILTER_BYTES_MAX = 1 << 20,
    FILTER_DEPTH_MAX = 20, /* parentheses and NOT inside one another */
    FILTER_CONDITIONS_MAX = 200,
    FILTER_LIST_MAX = 50000, /* texts in one list */
};

enum filter_kind { FILTER_ALL, FILTER_ANY, FILTER_NOT, FILTER_CONDITION };

enum filter_operator {
    FILTER_EQ,
    FILTER_NE,
    FILTER_GT,
    FILTER_GE,
    FILTER_LT,
    FILTER_LE,
    FILTER_LIKE,
    FILTER_ILIKE,
    FILTER_NOT_LIKE,
    FILTER_NOT_ILIKE,
    FILTER_IN,
    FILTER_NOT_IN,
    FILTER_IS_NULL,
    FILTER_IS_NOT_NULL,
};

struct filter_value {
    enum { VALUE_NONE, VALUE_TEXT, VALUE_INT, VALUE_REAL, VALUE_LIST } type;
    struct str text;
    int64_t integer;
    double real;
    const struct str *items;
    size_t count;
};

struct filter {
    enum filter_kind kind;
    const struct filter *const *parts; /* of ALL and ANY; of NOT one */
    size_t count;
    /* of a condition */
    struct search_field field;
    enum filter_operator op;
    struct filter_value value;
};

/* `*ret` is NULL for a filter that asks nothing: NULL, "", or MLflow's "AND". The tree lives in `arena`, its texts
 * in `text` or in `arena`. ERR_INPUT in MLflow's words, with what was expected where MLflow does not say it;
 * ERR_LIMIT. */
int filter_parse(enum search_family family, const char *text, struct arena *arena, const struct filter **ret,
                 struct err *err);

#endif
