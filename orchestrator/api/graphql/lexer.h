/* SPDX-License-Identifier: Apache-2.0
 * The tokens of a GraphQL document (GraphQL, October 2021, 2.1). Blanks, commas and comments are passed over.
 */
#ifndef SLUICE_API_GRAPHQL_LEXER_H
#define SLUICE_API_GRAPHQL_LEXER_H

#include "base/arena.h"
#include "base/err.h"

enum graphql_token_kind {
    GRAPHQL_END,
    GRAPHQL_PUNCTUATOR, /* one of ! $ & ( ) ... : = @ [ ] { | } */
    GRAPHQL_NAME,
    GRAPHQL_INT,
    GRAPHQL_FLOAT,
    GRAPHQL_STRING,
};

struct graphql_token {
    enum graphql_token_kind kind;
    struct str text; /* as it stands; of a string what it says, in the arena */
    size_t at;       /* where it begins */
};

struct graphql_lexer {
    struct str text; /* valid UTF-8 */
    size_t at;
    struct arena *arena;
};

/* ERR_INPUT "Syntax Error: ..." where no token begins. */
int graphql_next_token(struct graphql_lexer *lexer, struct graphql_token *ret, struct err *err);
/* "Syntax Error: " and the message, with the line and column of `at`. */
int graphql_syntax_error(struct str text, size_t at, struct err *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
