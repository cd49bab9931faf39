/* SPDX-License-Identifier: Apache-2.0 */
#include "api/graphql/lexer.h"

#include "api/graphql/string_value.h"

#include <stdbool.h>
#include <stdio.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool begins_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

int graphql_syntax_error(struct str text, size_t at, struct err *err, const char *format, ...)
{
    char message[256];
    size_t line = 1;
    size_t begin = 0;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    for (size_t i = 0; i < at && i < text.n; i++) {
        if (text.p[i] == '\n') {
            line++;
            begin = i + 1;
        }
    }
    return err_set(err, ERR_INPUT, "Syntax Error: %s (line %zu, column %zu)", message, line, at - begin + 1);
}

/* The byte so far ahead; 0 behind the end, where no other byte is 0 that could begin a token. */
static char peek(const struct graphql_lexer *lexer, size_t ahead)
{
    return lexer->at + ahead < lexer->text.n ? lexer->text.p[lexer->at + ahead] : '\0';
}

static void skip_ignored(struct graphql_lexer *lexer)
{
    static const char mark[] = "\xef\xbb\xbf"; /* of the byte order */
    for (;;) {
        char c = peek(lexer, 0);
        if (c == '#') {
            while (lexer->at < lexer->text.n && peek(lexer, 0) != '\n' && peek(lexer, 0) != '\r') {
                lexer->at++;
            }
        } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',') {
            lexer->at++;
        } else if (str_starts(str_slice(lexer->text, lexer->at, lexer->text.n), str_from(mark))) {
            lexer->at += strlen(mark);
        } else {
            return;
        }
    }
}

static void skip_digits(struct graphql_lexer *lexer)
{
    while (is_digit(peek(lexer, 0))) {
        lexer->at++;
    }
}

static int read_number(struct graphql_lexer *lexer, struct graphql_token *token, struct err *err)
{
    token->kind = GRAPHQL_INT;
    lexer->at += peek(lexer, 0) == '-';
    bool zero = peek(lexer, 0) == '0';
    bool good = is_digit(peek(lexer, 0)) && !(zero && is_digit(peek(lexer, 1)));
    skip_digits(lexer);
    if (good && peek(lexer, 0) == '.') {
        token->kind = GRAPHQL_FLOAT;
        lexer->at++;
        good = is_digit(peek(lexer, 0));
        skip_digits(lexer);
    }
    if (good && (peek(lexer, 0) | 0x20) == 'e') {
        token->kind = GRAPHQL_FLOAT;
        lexer->at++;
        lexer->at += peek(lexer, 0) == '+' || peek(lexer, 0) == '-';
        good = is_digit(peek(lexer, 0));
        skip_digits(lexer);
    }
    if (!good || peek(lexer, 0) == '.' || begins_name(peek(lexer, 0))) {
        return graphql_syntax_error(lexer->text, lexer->at, err, "Invalid number, expected digit.");
    }
    token->text = str_slice(lexer->text, token->at, lexer->at);
    return 0;
}

static int read_string(struct graphql_lexer *lexer, struct graphql_token *token, struct err *err)
{
    struct str rest = str_slice(lexer->text, lexer->at, lexer->text.n);
    const char *wrong = NULL;
    size_t used = graphql_string_value(rest, lexer->arena, &token->text, &wrong);
    if (wrong != NULL) {
        return graphql_syntax_error(lexer->text, lexer->at + used, err, "%s", wrong);
    }
    lexer->at += used;
    token->kind = GRAPHQL_STRING;
    return 0;
}

int graphql_next_token(struct graphql_lexer *lexer, struct graphql_token *ret, struct err *err)
{
    skip_ignored(lexer);
    *ret = (struct graphql_token){.kind = GRAPHQL_END, .at = lexer->at};
    if (lexer->at >= lexer->text.n) {
        return 0;
    }
    char c = peek(lexer, 0);
    if (begins_name(c)) {
        while (begins_name(peek(lexer, 0)) || is_digit(peek(lexer, 0))) {
            lexer->at++;
        }
        ret->kind = GRAPHQL_NAME;
    } else if (c == '.' && peek(lexer, 1) == '.' && peek(lexer, 2) == '.') {
        lexer->at += 3;
        ret->kind = GRAPHQL_PUNCTUATOR;
    } else if (c != '\0' && strchr("!$&():=@[]{|}", c) != NULL) {
        lexer->at++;
        ret->kind = GRAPHQL_PUNCTUATOR;
    } else if (c == '-' || is_digit(c)) {
        return read_number(lexer, ret, err);
    } else if (c == '"') {
        return read_string(lexer, ret, err);
    } else {
        return graphql_syntax_error(lexer->text, lexer->at, err,
                                    c > 0x20 && c < 0x7f ? "Unexpected character: '%c'." : "Unexpected byte 0x%02x.",
                                    (unsigned char)c);
    }
    ret->text = str_slice(lexer->text, ret->at, lexer->at);
    return 0;
}
