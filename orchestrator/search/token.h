/* SPDX-License-Identifier: Apache-2.0
 * The words of filters and orders, cut as MLflow's tokenizer (sqlparse) cuts what MLflow accepts. Inside search/ only.
 */
#ifndef SLUICE_SEARCH_TOKEN_H
#define SLUICE_SEARCH_TOKEN_H

#include "base/str.h"

#include <stdbool.h>

enum token_type {
    TOKEN_END,
    TOKEN_NAME,    /* loss, metrics.loss, metrics."a b", `run name`, "text": with quotes and dots */
    TOKEN_STRING,  /* 'text', with quotes */
    TOKEN_INTEGER, /* -5 */
    TOKEN_FLOAT,   /* .5, 1e-3 */
    TOKEN_COMPARE, /* any of = ! < > ~ in a row */
    TOKEN_OPEN,    /* ( */
    TOKEN_CLOSE,   /* ) */
    TOKEN_COMMA,
    TOKEN_SEMICOLON,
    TOKEN_OTHER, /* anything else, also a quote that nothing closes */
};

struct token {
    enum token_type type;
    struct str text;
    size_t at; /* offset of it in the whole */
};

/* Takes the next token off the text behind `*at`. */
struct token token_next(struct str text, size_t *at);
/* The word in any case? Names with quotes or dots are no words. */
bool token_is(const struct token *token, const char *word);

#endif
