/* SPDX-License-Identifier: Apache-2.0
 * Operators by precedence climbing, lowest first:  ??  ||  &&  == !=  < <= > >=  then !, paths and calls.
 */
#include "pipeline/expr.h"

#include "base/parse.h"
#include "base/utf8.h"
#include "pipeline/scalar_source.h"

#include <string.h>

enum { EXPR_DEPTH_MAX = 64, EXPR_SIZE_MAX = 64 << 10, CALL_ARGS_MAX = 64, PATH_MAX_LINKS = 32, OPERATORS_MAX = 256 };

struct parser {
    struct str text;
    size_t at;
    struct pos pos; /* of text[0] */
    struct diags *diags;
    struct pos *places; /* of each byte of the text, and of its end; NULL: one line of ASCII, where they are plain */
    int depth;
    bool failed;
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char peek(const struct parser *p)
{
    return p->at < p->text.n ? p->text.p[p->at] : '\0';
}

static void skip_blank(struct parser *p)
{
    while (p->at < p->text.n && is_blank(p->text.p[p->at])) {
        p->at++;
    }
}

static bool is_line_of_ascii(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\n' || (unsigned char)text.p[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

/* Columns count characters, not bytes. Counted once: each node asks for two. */
static void set_places(struct parser *p, struct arena *arena)
{
    struct pos pos = p->pos;
    p->places = arena_array(arena, p->text.n + 1, sizeof *p->places);
    if (pos.line < 0) {
        scalar_source_find_all(p->diags, pos, p->text.n, p->places);
        return;
    }
    for (size_t i = 0; i < p->text.n; i++) {
        bool inside = ((unsigned char)p->text.p[i] & 0xc0) == 0x80; /* a character */
        p->places[i] = inside && i > 0 ? p->places[i - 1] : pos;
        if (p->text.p[i] == '\n') {
            pos.line++;
            pos.column = 1;
        } else if (!inside) {
            pos.column++;
        }
    }
    p->places[p->text.n] = pos;
}

static struct pos pos_at(const struct parser *p, size_t at)
{
    size_t within = at < p->text.n ? at : p->text.n;
    return p->places != NULL ? p->places[within] : (struct pos){p->pos.line, p->pos.column + (int)within};
}

/* The word or the character at `at`, for messages. */
static struct str found_at(const struct parser *p, size_t at)
{
    uint32_t code = 0;
    size_t end = at;
    while (end < p->text.n && (is_letter(p->text.p[end]) || (end > at && is_digit(p->text.p[end])))) {
        end++;
    }
    if (end == at) {
        size_t length = utf8_decode(p->text.p + at, p->text.n - at, &code);
        end += length == 0 ? 1 : length;
    }
    return str_slice(p->text, at, end);
}

static struct expr *fail(struct parser *p, size_t at, const char *expected)
{
    if (!p->failed) {
        p->failed = true;
        if (at >= p->text.n) {
            diag_add(p->diags, DIAG_EXPR_SYNTAX, pos_at(p, at), NULL, "expected %s, found the end of the expression",
                     expected);
        } else {
            diag_add(p->diags, DIAG_EXPR_SYNTAX, pos_at(p, at), NULL, "expected %s, found '%.*s'", expected,
                     STR_ARG(found_at(p, at)));
        }
    }
    return NULL;
}

static struct expr *node(struct parser *p, enum expr_op op, size_t at)
{
    struct expr *expr = arena_one(p->diags->arena, struct expr);
    expr->op = op;
    expr->pos = pos_at(p, at);
    return expr;
}

static struct expr *with_args(struct parser *p, struct expr *expr, const struct expr *a, const struct expr *b)
{
    expr->args = a;
    expr->arg_count = 1;
    if (b != NULL) { /* two must stand side by side */
        struct expr *args = arena_array(p->diags->arena, 2, sizeof *args);
        args[0] = *a;
        args[1] = *b;
        expr->args = args;
        expr->arg_count = 2;
    }
    struct pos end = pos_at(p, p->at);
    expr->end_column = end.line == expr->pos.line ? end.column : 0;
    return expr;
}

static struct expr *parse_default(struct parser *p);

/* 'text' with '' for a quote. */
static struct expr *parse_string(struct parser *p)
{
    size_t start = p->at++;
    size_t end = start + 1;
    while (end < p->text.n && (p->text.p[end] != '\'' || (end + 1 < p->text.n && p->text.p[end + 1] == '\''))) {
        end += p->text.p[end] == '\'' ? 2 : 1;
    }
    if (end >= p->text.n) {
        return fail(p, p->text.n, "' that ends the string");
    }
    char *room = arena_alloc(p->diags->arena, end - start);
    size_t n = 0;
    while (p->at < end) {
        room[n++] = p->text.p[p->at];
        p->at += p->text.p[p->at] == '\'' ? 2 : 1;
    }
    p->at = end + 1;
    struct expr *expr = node(p, EXPR_LITERAL, start);
    expr->value = (struct json){.type = JSON_STRING, .u.string = {room, n}};
    expr->end_column = pos_at(p, p->at).column;
    return expr;
}

static struct expr *parse_number_literal(struct parser *p)
{
    size_t start = p->at;
    p->at += peek(p) == '-' ? 1 : 0;
    while (is_digit(peek(p)) || peek(p) == '.' || peek(p) == 'e' || peek(p) == 'E' ||
           ((peek(p) == '+' || peek(p) == '-') && (p->text.p[p->at - 1] == 'e' || p->text.p[p->at - 1] == 'E'))) {
        p->at++;
    }
    struct str text = str_slice(p->text, start, p->at);
    struct expr *expr = node(p, EXPR_LITERAL, start);
    int64_t whole = 0;
    double number = 0;
    expr->end_column = pos_at(p, p->at).column;
    if (parse_int(text, INT64_MIN, INT64_MAX, &whole, NULL) == 0) {
        expr->value = json_int(whole);
    } else if (parse_number(text, &number, NULL) == 0) {
        expr->value = json_number(number);
    } else {
        return fail(p, start, "a number");
    }
    return expr;
}

static struct str take_name(struct parser *p)
{
    size_t start = p->at;
    while (is_letter(peek(p)) || is_digit(peek(p)) || peek(p) == '-') {
        p->at++;
    }
    return str_slice(p->text, start, p->at);
}

static struct expr *parse_call(struct parser *p, struct str name, size_t start)
{
    struct expr *expr = node(p, EXPR_CALL, start);
    struct expr *args = NULL;
    size_t args_room = 0;
    expr->name = name;
    p->at++;
    skip_blank(p);
    while (peek(p) != ')') {
        const struct expr *arg = parse_default(p);
        if (arg == NULL) {
            return NULL;
        }
        if (expr->arg_count == CALL_ARGS_MAX) {
            return fail(p, p->at, "fewer arguments");
        }
        args = arena_grow(p->diags->arena, args, expr->arg_count, &args_room, sizeof *args);
        args[expr->arg_count++] = *arg;
        skip_blank(p);
        if (peek(p) == ',') {
            p->at++;
            skip_blank(p);
        } else if (peek(p) != ')') {
            return fail(p, p->at, "',' or ')'");
        }
    }
    p->at++;
    expr->args = args;
    expr->end_column = pos_at(p, p->at).column;
    return expr;
}

static struct expr *parse_primary(struct parser *p)
{
    skip_blank(p);
    size_t start = p->at;
    char c = peek(p);
    if (c == '\'') {
        return parse_string(p);
    }
    if (c == '"') {
        return fail(p, p->at, "a string in 'single quotes'");
    }
    if (is_digit(c) || (c == '-' && p->at + 1 < p->text.n && is_digit(p->text.p[p->at + 1]))) {
        return parse_number_literal(p);
    }
    if (c == '(') {
        p->at++;
        struct expr *inner = parse_default(p);
        skip_blank(p);
        if (inner != NULL && peek(p) != ')') {
            return fail(p, p->at, "')'");
        }
        p->at++;
        return inner;
    }
    if (!is_letter(c)) {
        return fail(p, p->at, "a value");
    }
    struct str name = take_name(p);
    if (str_is(name, "true") || str_is(name, "false") || str_is(name, "null")) {
        struct expr *expr = node(p, EXPR_LITERAL, start);
        expr->value = str_is(name, "null") ? json_null() : json_bool(str_is(name, "true"));
        expr->end_column = pos_at(p, p->at).column;
        return expr;
    }
    if (peek(p) == '(') {
        return parse_call(p, name, start);
    }
    struct expr *expr = node(p, EXPR_NAME, start);
    expr->name = name;
    expr->end_column = pos_at(p, p->at).column;
    return expr;
}

static struct expr *parse_path(struct parser *p)
{
    size_t start = p->at;
    struct expr *expr = parse_primary(p);
    for (int links = 0; expr != NULL; links++) {
        if (links == PATH_MAX_LINKS && (peek(p) == '.' || peek(p) == '[')) { /* what walks the tree recurses */
            return fail(p, p->at, "a shorter path");
        }
        if (peek(p) == '.') {
            p->at++;
            if (!is_letter(peek(p)) && !is_digit(peek(p))) {
                return fail(p, p->at, "a name behind '.'");
            }
            struct expr *member = node(p, EXPR_MEMBER, start);
            member->pos = expr->pos;
            member->name = take_name(p);
            expr = with_args(p, member, expr, NULL);
        } else if (peek(p) == '[') {
            p->at++;
            const struct expr *index = parse_default(p);
            skip_blank(p);
            if (index == NULL || peek(p) != ']') {
                return index == NULL ? NULL : fail(p, p->at, "']'");
            }
            p->at++;
            struct expr *indexed = node(p, EXPR_INDEX, start);
            indexed->pos = expr->pos;
            expr = with_args(p, indexed, expr, index);
        } else {
            return expr;
        }
    }
    return NULL;
}

static struct expr *parse_not(struct parser *p)
{
    skip_blank(p);
    size_t start = p->at;
    if (peek(p) == '!' && !(p->at + 1 < p->text.n && p->text.p[p->at + 1] == '=')) {
        p->at++;
        if (++p->depth > EXPR_DEPTH_MAX) {
            return fail(p, start, "fewer levels");
        }
        const struct expr *inner = parse_not(p);
        p->depth--;
        return inner == NULL ? NULL : with_args(p, node(p, EXPR_NOT, start), inner, NULL);
    }
    return parse_path(p);
}

struct operator_row {
    const char *text;
    enum expr_op op;
    int level; /* those of a higher one bind first */
};

/* Of two that begin alike the longer stands first. All group to the left. */
static const struct operator_row operators[] = {
    {"??", EXPR_DEFAULT, 0}, {"||", EXPR_OR, 1}, {"&&", EXPR_AND, 2}, {"==", EXPR_EQ, 3}, {"!=", EXPR_NE, 3},
    {"<=", EXPR_LE, 4},      {">=", EXPR_GE, 4}, {"<", EXPR_LT, 4},   {">", EXPR_GT, 4},
};
enum { OPERATOR_COUNT = sizeof operators / sizeof operators[0] };

/* The operator that comes next, or NULL. */
static const struct operator_row *peek_operator(struct parser *p)
{
    skip_blank(p);
    char first = peek(p);
    for (const struct operator_row *row = operators; row < operators + OPERATOR_COUNT; row++) {
        bool same = row->text[0] == first && first != '\0';
        if (same && (row->text[1] == '\0' || (p->at + 1 < p->text.n && p->text.p[p->at + 1] == row->text[1]))) {
            return row;
        }
    }
    return NULL;
}

/* Operands joined by operators of this level and higher ones. */
static struct expr *parse_operators(struct parser *p, int level)
{
    struct expr *left = parse_not(p);
    int last = -1; /* level of the operator before, of which there were `count` */
    int count = 0;
    while (left != NULL) {
        size_t start = p->at;
        const struct operator_row *row = peek_operator(p);
        if (row == NULL || row->level < level) {
            break;
        }
        count = row->level == last ? count + 1 : 1;
        last = row->level;
        p->at += strlen(row->text);
        if (count > OPERATORS_MAX) {
            return fail(p, start, "fewer operators");
        }
        const struct expr *right = parse_operators(p, row->level + 1);
        if (right == NULL) {
            return NULL;
        }
        struct expr *both = node(p, row->op, start);
        both->pos = left->pos;
        left = with_args(p, both, left, right);
    }
    return left;
}

static struct expr *parse_default(struct parser *p)
{
    if (++p->depth > EXPR_DEPTH_MAX) {
        return fail(p, p->at, "fewer levels");
    }
    struct expr *expr = parse_operators(p, 0);
    p->depth--;
    return expr;
}

/* What people write who know other languages. */
static const char *hint_for(struct str found)
{
    static const struct {
        const char *words; /* each between blanks */
        const char *hint;
    } rows[] = {
        {" + - * / % ", "expressions compare, they do not compute: let a script do it"},
        {" = ", "compare with '=='"},
        {" & and AND ", "'and' is written '&&'"},
        {" | or OR ", "'or' is written '||'"},
        {" is ", "compare with '=='"},
        {" not ", "'not' is written '!'"},
        {" in ", "write contains(LIST, ITEM)"},
        {" ? ", "'a ?? b' gives a default; where the text shall depend on a condition, use two steps with 'if'"},
    };
    char word[16] = " ";
    if (found.n < sizeof word - 2) {
        memcpy(word + 1, found.p, found.n);
        word[found.n + 1] = ' ';
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            if (strstr(rows[i].words, word) != NULL) {
                return rows[i].hint;
            }
        }
    }
    return NULL;
}

const struct expr *expr_parse(struct str text, struct pos pos, struct diags *diags)
{
    struct parser p = {.text = text, .pos = pos, .diags = diags};
    if (text.n > EXPR_SIZE_MAX) {
        diag_add(diags, DIAG_BOUND, pos, NULL, "the expression is larger than 64 KiB");
        return NULL;
    }
    bool plain = pos.line >= 0 && is_line_of_ascii(text); /* in the text of a scalar the places are looked up */
    struct arena *scratch = plain ? NULL : arena_new();
    if (scratch != NULL) {
        set_places(&p, scratch);
    }
    struct expr *expr = parse_default(&p);
    skip_blank(&p);
    if (expr != NULL && p.at < text.n) {
        struct str found = found_at(&p, p.at);
        struct diag *diag = diag_add(diags, DIAG_EXPR_SYNTAX, pos_at(&p, p.at), hint_for(found),
                                     "expected an operator or the end of the expression, found '%.*s'", STR_ARG(found));
        diag->end_column = diag->pos.column + (int)found.n;
        expr = NULL;
    }
    arena_free(scratch);
    return expr;
}
