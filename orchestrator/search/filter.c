/* SPDX-License-Identifier: Apache-2.0 */
#include "search/filter.h"

#include "search/filter_internal.h"

enum { QUOTED_MAX = 200 }; /* bytes of the filter that a message quotes */

void parser_move(struct parser *p)
{
    p->token = token_next(p->text, &p->at);
}

static bool at_type(const struct parser *p, enum token_type type)
{
    return p->token.type == type;
}

static bool at_word(const struct parser *p, const char *word)
{
    return token_is(&p->token, word);
}

static int parse_any(struct parser *p, const struct filter **ret);

/* Between a left bracket or NOT and what it ends with. */
static int enter(struct parser *p)
{
    return ++p->depth <= FILTER_DEPTH_MAX
               ? 0
               : err_set(p->err, ERR_LIMIT, "a filter may have %d levels of parentheses and NOT, found more at '%.*s'",
                         FILTER_DEPTH_MAX, STR_ARG(str_slice(p->text, p->token.at, p->token.at + 20)));
}

static int parse_group(struct parser *p, const struct filter **ret)
{
    size_t from = p->token.at;
    if (enter(p) < 0) {
        return -1;
    }
    parser_move(p);
    if (parse_any(p, ret) < 0) {
        return -1;
    }
    if (*ret == NULL || !at_type(p, TOKEN_CLOSE)) {
        return parser_refuse(p, from, *ret == NULL ? "a condition in the parentheses" : "')'");
    }
    p->depth--;
    parser_move(p);
    return 0;
}

static const struct filter *node(struct parser *p, enum filter_kind kind, const struct filter *const *parts,
                                 size_t count)
{
    struct filter *made = arena_one(p->arena, struct filter);
    *made = (struct filter){.kind = kind, .parts = parts, .count = count};
    return made;
}

static int parse_not(struct parser *p, const struct filter **ret)
{
    const struct filter **part = NULL;
    struct filter *condition = NULL;
    if (at_type(p, TOKEN_OPEN)) {
        return parse_group(p, ret);
    }
    if (at_word(p, "NOT")) {
        if (enter(p) < 0) {
            return -1;
        }
        parser_move(p);
        part = arena_one(p->arena, const struct filter *);
        if (parse_not(p, part) < 0) {
            return -1;
        }
        p->depth--;
        *ret = node(p, FILTER_NOT, part, 1);
        return 0;
    }
    if (++p->conditions > FILTER_CONDITIONS_MAX) {
        return err_set(p->err, ERR_LIMIT, "a filter may have %d conditions", FILTER_CONDITIONS_MAX);
    }
    condition = arena_one(p->arena, struct filter);
    *ret = condition;
    return parser_condition(p, condition);
}

struct parts {
    const struct filter **items;
    size_t count;
    size_t room;
};

static void add_part(struct parser *p, struct parts *parts, const struct filter *part)
{
    parts->items = arena_grow(p->arena, parts->items, parts->count, &parts->room, sizeof(const struct filter *));
    parts->items[parts->count++] = part;
}

static const struct filter *joined(struct parser *p, enum filter_kind kind, const struct parts *parts)
{
    return parts->count == 0 ? NULL : parts->count == 1 ? parts->items[0] : node(p, kind, parts->items, parts->count);
}

/* NULL for none: MLflow takes an AND without conditions around it. */
static int parse_all(struct parser *p, const struct filter **ret)
{
    struct parts parts = {0};
    for (;;) {
        const struct filter *part = NULL;
        while (at_word(p, "AND")) {
            parser_move(p);
        }
        if (at_type(p, TOKEN_END) || at_type(p, TOKEN_CLOSE) || at_word(p, "OR")) {
            *ret = joined(p, FILTER_ALL, &parts);
            return 0;
        }
        if (parse_not(p, &part) < 0) {
            return -1;
        }
        add_part(p, &parts, part);
    }
}

static int parse_any(struct parser *p, const struct filter **ret)
{
    struct parts parts = {0};
    bool has_or = false;
    for (;;) {
        const struct filter *part = NULL;
        size_t from = p->token.at;
        if (parse_all(p, &part) < 0) {
            return -1;
        }
        bool ends = !at_word(p, "OR");
        has_or = has_or || !ends;
        if (part == NULL && has_or) {
            return parser_refuse(p, from, "a condition on both sides of OR");
        }
        if (part != NULL) {
            add_part(p, &parts, part);
        }
        if (ends) {
            *ret = joined(p, FILTER_ANY, &parts);
            return 0;
        }
        parser_move(p);
    }
}

int filter_parse(enum search_family family, const char *text, struct arena *arena, const struct filter **ret,
                 struct err *err)
{
    struct parser p = {.family = family, .text = str_from(text), .arena = arena, .err = err};
    const struct filter *tree = NULL;
    if (p.text.n > FILTER_BYTES_MAX) {
        return err_set(err, ERR_LIMIT, "a filter may have %d bytes, found %zu", FILTER_BYTES_MAX, p.text.n);
    }
    if (p.text.n > 0 && str_trim(p.text).n == 0) {
        return err_set(err, ERR_INPUT, "Invalid filter '%.*s'. Could not be parsed.",
                       STR_ARG(str_slice(p.text, 0, QUOTED_MAX)));
    }
    parser_move(&p);
    if (parse_any(&p, &tree) < 0) {
        return -1;
    }
    if (!at_type(&p, TOKEN_END)) {
        return parser_refuse(&p, p.token.at, "the end, AND or OR");
    }
    *ret = tree;
    return 0;
}
