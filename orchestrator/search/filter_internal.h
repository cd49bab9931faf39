/* SPDX-License-Identifier: Apache-2.0
 * What the files of the filter's parser share. Inside search/ only.
 */
#ifndef SLUICE_SEARCH_FILTER_INTERNAL_H
#define SLUICE_SEARCH_FILTER_INTERNAL_H

#include "search/filter.h"
#include "search/token.h"

struct parser {
    enum search_family family;
    struct str text;
    size_t at; /* behind `token` */
    struct token token;
    struct arena *arena;
    struct err *err;
    size_t depth;
    size_t conditions;
    size_t condition_at; /* where the present one begins */
};

void parser_move(struct parser *p);
/* MLflow's words for all that does not fit: the text from offset `from` to the next AND or OR (filter_refuse.c). */
int parser_refuse(struct parser *p, size_t from, const char *expected);
/* A name, or min, max or last of one, as it was written. */
struct written_field {
    struct str name;
    enum metric_part part;
    size_t at;
};
int parser_written_field(struct parser *p, struct written_field *ret);
/* Gives the name its meaning. */
int written_field_read(enum search_family family, const struct written_field *written, bool for_order,
                       struct search_field *ret, struct err *err);
/* From a name to its end (filter_condition.c). */
int parser_condition(struct parser *p, struct filter *ret);

/* ---- values (filter_value.c) ---------------------------------------------------------------------------- */
/* What stands behind an operator: one token, or a list with its brackets. */
struct written_value {
    struct token token; /* OPEN: a list */
    struct str text;    /* as it was written, of a list the whole */
    const struct str *items;
    size_t count;
};
int parser_written_value(struct parser *p, struct written_value *ret);
/* The value as the field takes it; what it does not take is ERR_INPUT. */
int written_value_read(enum search_family family, const struct search_field *field, const struct written_value *written,
                       struct filter_value *ret, struct err *err);

#endif
