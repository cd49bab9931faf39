/* SPDX-License-Identifier: Apache-2.0 */
#include "search/token.h"

#include <strings.h>

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Of a word: all bytes of scripts beyond ASCII count as letters. */
static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static char byte_at(struct str text, size_t at)
{
    return at < text.n ? text.p[at] : '\0';
}

static size_t skip_blanks(struct str text, size_t at)
{
    while (at < text.n && is_blank(text.p[at])) {
        at++;
    }
    return at;
}

static size_t skip_digits(struct str text, size_t at)
{
    while (at < text.n && is_digit(text.p[at])) {
        at++;
    }
    return at;
}

/* The end of the quoted text that begins at `at`, or 0 when nothing closes it. A quote inside is doubled, or has a
 * backslash before it where `escapes`; when nothing else closes it, the last of those does. */
static size_t quoted_end(struct str text, size_t at, bool escapes)
{
    char quote = text.p[at];
    size_t otherwise = 0;
    for (size_t i = at + 1; i < text.n;) {
        bool doubled = text.p[i] == quote && byte_at(text, i + 1) == quote;
        bool escaped = escapes && text.p[i] == '\\' && byte_at(text, i + 1) == quote;
        if (doubled || escaped) {
            otherwise = doubled ? i + 1 : i + 2;
            i += 2;
        } else if (text.p[i] == quote) {
            return i + 1;
        } else {
            i++;
        }
    }
    return otherwise;
}

/* The end of one part of a name, or 0: a word, or quoted. Single quotes only behind a dot. */
static size_t part_end(struct str text, size_t at, bool behind_dot)
{
    char c = byte_at(text, at);
    if (c == '`') {
        return quoted_end(text, at, false);
    }
    if (c == '"' || (c == '\'' && behind_dot)) {
        return quoted_end(text, at, true);
    }
    if (!is_word(c)) {
        return 0;
    }
    while (at < text.n && (is_word(text.p[at]) || text.p[at] == '$' || text.p[at] == '#')) {
        at++;
    }
    return at;
}

/* Parts with dots between them, and blanks around those, as sqlparse has it. */
static size_t name_end(struct str text, size_t at)
{
    size_t end = part_end(text, at, false);
    while (end != 0) {
        size_t dot = skip_blanks(text, end);
        if (byte_at(text, dot) != '.' || (dot > end && is_digit(byte_at(text, dot + 1)))) {
            break;
        }
        size_t next = part_end(text, skip_blanks(text, dot + 1), true);
        if (next == 0) {
            break;
        }
        end = next;
    }
    return end;
}

/* The end of a number, or 0. A word that begins with digits is none. */
static size_t number_end(struct str text, size_t at, enum token_type *ret_type)
{
    size_t start = at + (byte_at(text, at) == '-');
    size_t end = skip_digits(text, start);
    size_t whole = end - start;
    *ret_type = TOKEN_INTEGER;
    if (byte_at(text, end) == '.') {
        size_t fraction = skip_digits(text, end + 1);
        if (whole == 0 && fraction == end + 1) {
            return 0;
        }
        *ret_type = TOKEN_FLOAT;
        end = fraction;
    } else if (whole == 0) {
        return 0;
    }
    if (byte_at(text, end) == 'e' || byte_at(text, end) == 'E') {
        char sign = byte_at(text, end + 1);
        size_t exponent = end + 1 + (sign == '-' || sign == '+');
        if (is_digit(byte_at(text, exponent))) {
            *ret_type = TOKEN_FLOAT;
            end = skip_digits(text, exponent);
        }
    }
    return is_word(byte_at(text, end)) ? 0 : end;
}

static struct token make(struct str text, size_t from, size_t to, enum token_type type, size_t *at)
{
    *at = to;
    return (struct token){.type = type, .text = str_slice(text, from, to), .at = from};
}

static enum token_type punctuation(char c)
{
    return c == '('   ? TOKEN_OPEN
           : c == ')' ? TOKEN_CLOSE
           : c == ',' ? TOKEN_COMMA
           : c == ';' ? TOKEN_SEMICOLON
                      : TOKEN_OTHER;
}

struct token token_next(struct str text, size_t *at)
{
    size_t from = skip_blanks(text, *at);
    enum token_type type = TOKEN_END;
    if (from == text.n) {
        return make(text, from, from, TOKEN_END, at);
    }
    size_t end = number_end(text, from, &type);
    if (end == 0 && text.p[from] == '\'') {
        end = quoted_end(text, from, true);
        type = TOKEN_STRING;
    }
    if (end == 0) {
        end = name_end(text, from);
        type = TOKEN_NAME;
    }
    if (end == 0) {
        end = from + strspn(text.p + from, "=!<>~");
        type = TOKEN_COMPARE;
    }
    return end > from ? make(text, from, end, type, at) : make(text, from, from + 1, punctuation(text.p[from]), at);
}

bool token_is(const struct token *token, const char *word)
{
    return token->type == TOKEN_NAME && token->text.n == strlen(word) &&
           strncasecmp(token->text.p, word, token->text.n) == 0;
}
