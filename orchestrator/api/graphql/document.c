/* SPDX-License-Identifier: Apache-2.0 */
#include "api/graphql/document.h"

#include "api/graphql/lexer.h"

struct parser {
    struct graphql_lexer lexer;
    struct graphql_token token; /* the next one */
    struct arena *arena;
    size_t tokens, levels;
    struct err *err;
};

/* ---- tokens ----------------------------------------------------------------------------------------------------- */

static int advance(struct parser *p)
{
    if (++p->tokens > GRAPHQL_TOKENS_MAX) {
        return graphql_syntax_error(p->lexer.text, p->lexer.at, p->err, "Document contains more than %d tokens.",
                                    GRAPHQL_TOKENS_MAX);
    }
    return graphql_next_token(&p->lexer, &p->token, p->err);
}

static int unexpected(struct parser *p, const char *expected)
{
    const struct graphql_token *token = &p->token;
    static const char *const kinds[] = {"<EOF>", "", "Name ", "Int ", "Float ", "String "};
    const char *quote = token->kind == GRAPHQL_END ? "" : token->kind == GRAPHQL_PUNCTUATOR ? "'" : "\"";
    struct str shown = str_slice(token->text, 0, 40);
    return graphql_syntax_error(p->lexer.text, token->at, p->err, "%s%s%s%s%s%.*s%s.",
                                expected == NULL ? "Unexpected " : "Expected ", expected == NULL ? "" : expected,
                                expected == NULL ? "" : ", found ", kinds[token->kind], quote, STR_ARG(shown), quote);
}

static bool at_mark(const struct parser *p, const char *mark)
{
    return p->token.kind == GRAPHQL_PUNCTUATOR && str_is(p->token.text, mark);
}

static bool at_word(const struct parser *p, const char *word)
{
    return p->token.kind == GRAPHQL_NAME && str_is(p->token.text, word);
}

static int expect_mark(struct parser *p, const char *mark)
{
    return at_mark(p, mark) ? advance(p) : unexpected(p, arena_printf(p->arena, "'%s'", mark));
}

static int read_name(struct parser *p, struct str *ret)
{
    if (p->token.kind != GRAPHQL_NAME) {
        return unexpected(p, "Name");
    }
    *ret = p->token.text;
    return advance(p);
}

/* 1 when the mark was there and is passed. */
static int pass_mark(struct parser *p, const char *mark)
{
    if (!at_mark(p, mark)) {
        return 0;
    }
    return advance(p) < 0 ? -1 : 1;
}

static int go_down(struct parser *p)
{
    if (++p->levels > GRAPHQL_LEVELS_MAX) {
        return graphql_syntax_error(p->lexer.text, p->token.at, p->err, "Document is nested deeper than %d levels.",
                                    GRAPHQL_LEVELS_MAX);
    }
    return 0;
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static int read_value(struct parser *p, bool constant, struct graphql_value *ret);

static int read_list(struct parser *p, bool constant, struct graphql_value *ret)
{
    size_t room = 0;
    *ret = (struct graphql_value){.kind = GRAPHQL_VALUE_LIST};
    if (advance(p) < 0) {
        return -1;
    }
    while (!at_mark(p, "]")) {
        struct graphql_value item;
        if (read_value(p, constant, &item) < 0) {
            return -1;
        }
        ret->items = arena_grow(p->arena, ret->items, ret->count, &room, sizeof item);
        ret->items[ret->count++] = item;
    }
    return advance(p);
}

static int read_argument(struct parser *p, bool constant, struct graphql_argument *ret)
{
    return read_name(p, &ret->name) < 0 || expect_mark(p, ":") < 0 ? -1 : read_value(p, constant, &ret->value);
}

/* Up to the mark, and that. */
static int read_arguments_until(struct parser *p, const char *mark, bool constant, struct graphql_arguments *ret)
{
    size_t room = 0;
    *ret = (struct graphql_arguments){0};
    while (!at_mark(p, mark)) {
        struct graphql_argument one = {0};
        if (read_argument(p, constant, &one) < 0) {
            return -1;
        }
        ret->all = arena_grow(p->arena, ret->all, ret->count, &room, sizeof one);
        ret->all[ret->count++] = one;
    }
    return advance(p);
}

static int read_object(struct parser *p, bool constant, struct graphql_value *ret)
{
    struct graphql_arguments fields;
    if (advance(p) < 0 || read_arguments_until(p, "}", constant, &fields) < 0) {
        return -1;
    }
    *ret = (struct graphql_value){.kind = GRAPHQL_VALUE_OBJECT, .fields = fields.all, .count = fields.count};
    return 0;
}

static int read_variable_name(struct parser *p, struct str *ret)
{
    return expect_mark(p, "$") < 0 ? -1 : read_name(p, ret);
}

static int read_scalar(struct parser *p, struct graphql_value *ret)
{
    static const enum graphql_value_kind kinds[] = {[GRAPHQL_NAME] = GRAPHQL_VALUE_ENUM,
                                                    [GRAPHQL_INT] = GRAPHQL_VALUE_INT,
                                                    [GRAPHQL_FLOAT] = GRAPHQL_VALUE_FLOAT,
                                                    [GRAPHQL_STRING] = GRAPHQL_VALUE_STRING};
    if (p->token.kind == GRAPHQL_END || p->token.kind == GRAPHQL_PUNCTUATOR) {
        return unexpected(p, NULL);
    }
    *ret = (struct graphql_value){.kind = kinds[p->token.kind], .text = p->token.text};
    if (at_word(p, "true") || at_word(p, "false")) {
        ret->kind = GRAPHQL_VALUE_BOOL;
    } else if (at_word(p, "null")) {
        ret->kind = GRAPHQL_VALUE_NULL;
    }
    return advance(p);
}

static int read_value(struct parser *p, bool constant, struct graphql_value *ret)
{
    int result;
    if (at_mark(p, "$") && !constant) {
        *ret = (struct graphql_value){.kind = GRAPHQL_VALUE_VARIABLE};
        return read_variable_name(p, &ret->text);
    }
    if (go_down(p) < 0) {
        return -1;
    }
    if (at_mark(p, "[")) {
        result = read_list(p, constant, ret);
    } else {
        result = at_mark(p, "{") ? read_object(p, constant, ret) : read_scalar(p, ret);
    }
    p->levels--;
    return result;
}

/* ---- arguments, directives, types ------------------------------------------------------------------------------- */

static int read_arguments(struct parser *p, bool constant, struct graphql_arguments *ret)
{
    int there = pass_mark(p, "(");
    *ret = (struct graphql_arguments){0};
    if (there <= 0) {
        return there;
    }
    return at_mark(p, ")") ? unexpected(p, "Name") : read_arguments_until(p, ")", constant, ret);
}

static int read_directives(struct parser *p, bool constant, struct graphql_directives *ret)
{
    size_t room = 0;
    int there;
    *ret = (struct graphql_directives){0};
    while ((there = pass_mark(p, "@")) > 0) {
        struct graphql_directive one = {0};
        if (read_name(p, &one.name) < 0 || read_arguments(p, constant, &one.arguments) < 0) {
            return -1;
        }
        ret->all = arena_grow(p->arena, ret->all, ret->count, &room, sizeof one);
        ret->all[ret->count++] = one;
    }
    return there;
}

static int read_type_ref(struct parser *p, struct graphql_type_ref *ret)
{
    *ret = (struct graphql_type_ref){0};
    if (go_down(p) < 0) {
        return -1;
    }
    int list = pass_mark(p, "[");
    if (list > 0) {
        ret->inner = arena_one(p->arena, struct graphql_type_ref);
        list = read_type_ref(p, ret->inner) < 0 ? -1 : expect_mark(p, "]");
    } else if (list == 0) {
        list = read_name(p, &ret->name);
    }
    int required = list < 0 ? -1 : pass_mark(p, "!");
    ret->required = required > 0;
    p->levels--;
    return required < 0 ? -1 : 0;
}

static int read_variable(struct parser *p, struct graphql_variable *ret)
{
    *ret = (struct graphql_variable){0};
    if (read_variable_name(p, &ret->name) < 0 || expect_mark(p, ":") < 0 || read_type_ref(p, &ret->type) < 0) {
        return -1;
    }
    int given = pass_mark(p, "=");
    if (given > 0) {
        ret->otherwise = arena_one(p->arena, struct graphql_value);
        given = read_value(p, true, ret->otherwise);
    }
    return given < 0 ? -1 : read_directives(p, true, &ret->directives);
}

static int read_variables(struct parser *p, struct graphql_definition *ret)
{
    size_t room = 0;
    int there = pass_mark(p, "(");
    if (there <= 0) {
        return there;
    }
    do {
        struct graphql_variable one;
        if (read_variable(p, &one) < 0) {
            return -1;
        }
        ret->variables = arena_grow(p->arena, ret->variables, ret->variable_count, &room, sizeof one);
        ret->variables[ret->variable_count++] = one;
    } while (!at_mark(p, ")"));
    return advance(p);
}

/* ---- selections ------------------------------------------------------------------------------------------------- */

static int read_selections(struct parser *p, struct graphql_selections *ret);

static int read_field(struct parser *p, struct graphql_selection *ret)
{
    *ret = (struct graphql_selection){.kind = GRAPHQL_FIELD};
    if (read_name(p, &ret->name) < 0) {
        return -1;
    }
    int aliased = pass_mark(p, ":");
    if (aliased > 0) {
        ret->alias = ret->name;
        aliased = read_name(p, &ret->name);
    }
    if (aliased < 0 || read_arguments(p, false, &ret->arguments) < 0 ||
        read_directives(p, false, &ret->directives) < 0) {
        return -1;
    }
    return at_mark(p, "{") ? read_selections(p, &ret->selections) : 0;
}

/* Behind "...". */
static int read_fragment(struct parser *p, struct graphql_selection *ret)
{
    bool on = at_word(p, "on");
    *ret = (struct graphql_selection){.kind = GRAPHQL_INLINE};
    if (p->token.kind == GRAPHQL_NAME && !on) {
        ret->kind = GRAPHQL_SPREAD;
        return read_name(p, &ret->name) < 0 ? -1 : read_directives(p, false, &ret->directives);
    }
    if (on && (advance(p) < 0 || read_name(p, &ret->name) < 0)) {
        return -1;
    }
    return read_directives(p, false, &ret->directives) < 0 ? -1 : read_selections(p, &ret->selections);
}

static int read_selections(struct parser *p, struct graphql_selections *ret)
{
    size_t room = 0;
    *ret = (struct graphql_selections){0};
    if (go_down(p) < 0 || expect_mark(p, "{") < 0) {
        return -1;
    }
    do {
        struct graphql_selection one;
        int spread = pass_mark(p, "...");
        if (spread < 0 || (spread > 0 ? read_fragment(p, &one) : read_field(p, &one)) < 0) {
            return -1;
        }
        ret->all = arena_grow(p->arena, ret->all, ret->count, &room, sizeof one);
        ret->all[ret->count++] = one;
    } while (!at_mark(p, "}"));
    p->levels--;
    return advance(p);
}

/* ---- definitions ------------------------------------------------------------------------------------------------ */

static int read_operation(struct parser *p, struct graphql_definition *ret)
{
    if (p->token.kind == GRAPHQL_NAME && read_name(p, &ret->name) < 0) {
        return -1;
    }
    return read_variables(p, ret) < 0 || read_directives(p, false, &ret->directives) < 0
               ? -1
               : read_selections(p, &ret->selections);
}

static int read_fragment_definition(struct parser *p, struct graphql_definition *ret)
{
    if (at_word(p, "on")) {
        return unexpected(p, NULL);
    }
    if (read_name(p, &ret->name) < 0) {
        return -1;
    }
    if (!at_word(p, "on")) {
        return unexpected(p, "'on'");
    }
    return advance(p) < 0 || read_name(p, &ret->on) < 0 || read_directives(p, false, &ret->directives) < 0
               ? -1
               : read_selections(p, &ret->selections);
}

static int read_definition(struct parser *p, struct graphql_definition *ret)
{
    static const char *const words[] = {"query", "mutation", "subscription", "fragment"};
    *ret = (struct graphql_definition){.kind = GRAPHQL_QUERY};
    if (at_mark(p, "{")) {
        return read_selections(p, &ret->selections);
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (at_word(p, words[i])) {
            ret->kind = (enum graphql_definition_kind)i;
            return advance(p) < 0                 ? -1
                   : ret->kind == GRAPHQL_FRAGMENT ? read_fragment_definition(p, ret)
                                                   : read_operation(p, ret);
        }
    }
    return unexpected(p, NULL);
}

static const struct graphql_definition *fragment_of(const struct graphql_document *document, struct str name)
{
    for (size_t i = 0; i < document->count; i++) {
        const struct graphql_definition *one = &document->definitions[i];
        if (one->kind == GRAPHQL_FRAGMENT && str_eq(one->name, name)) {
            return one;
        }
    }
    return NULL;
}

/* Each spread is told its fragment. */
static void link_fragments(const struct graphql_document *document, struct graphql_selections *selections)
{
    for (size_t i = 0; i < selections->count; i++) {
        struct graphql_selection *one = &selections->all[i];
        if (one->kind == GRAPHQL_SPREAD) {
            one->fragment = fragment_of(document, one->name);
        }
        link_fragments(document, &one->selections);
    }
}

int graphql_document_read(struct str text, struct arena *arena, struct graphql_document *ret, struct err *err)
{
    struct parser p = {.lexer = {.text = text, .arena = arena}, .arena = arena, .err = err};
    size_t room = 0;
    *ret = (struct graphql_document){0};
    if (text.n > GRAPHQL_BYTES_MAX) {
        return graphql_syntax_error(text, 0, err, "Document is longer than %d bytes.", GRAPHQL_BYTES_MAX);
    }
    if (advance(&p) < 0) {
        return -1;
    }
    do {
        struct graphql_definition one;
        if (read_definition(&p, &one) < 0) {
            return -1;
        }
        ret->definitions = arena_grow(arena, ret->definitions, ret->count, &room, sizeof one);
        ret->definitions[ret->count++] = one;
    } while (p.token.kind != GRAPHQL_END);
    for (size_t i = 0; i < ret->count; i++) {
        link_fragments(ret, &ret->definitions[i].selections);
    }
    return 0;
}

struct str graphql_response_name(const struct graphql_selection *field)
{
    return field->alias.n > 0 ? field->alias : field->name;
}
