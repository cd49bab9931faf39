/* SPDX-License-Identifier: Apache-2.0 */
#include "search/order.h"

#include "base/strbuf.h"
#include "search/filter_internal.h"

enum { CLAUSE_BYTES_MAX = 4096, SHOWN_MAX = 200 };

static struct str shown(struct str clause)
{
    return str_slice(clause, 0, SHOWN_MAX);
}

static int refuse(struct str clause, struct err *err)
{
    return err_set(err, ERR_INPUT, "Invalid order_by clause '%.*s'. Could not be parsed.", STR_ARG(shown(clause)));
}

/* The word behind the field, if any. */
static int read_direction(struct parser *p, bool *ret_descending, struct err *err)
{
    struct token word = p->token;
    if (word.type == TOKEN_END) {
        *ret_descending = false;
        return 0;
    }
    parser_move(p);
    if (word.type != TOKEN_NAME || p->token.type != TOKEN_END) {
        return refuse(p->text, err);
    }
    if (!token_is(&word, "ASC") && !token_is(&word, "DESC")) {
        return err_set(err, ERR_INPUT, "Invalid ordering key in order_by clause '%.*s'.", STR_ARG(shown(p->text)));
    }
    *ret_descending = token_is(&word, "DESC");
    return 0;
}

static int parse_clause(enum search_family family, const char *clause, struct arena *arena, struct search_order *ret,
                        struct err *err)
{
    struct parser p = {.family = family, .text = str_from(clause), .arena = arena};
    struct written_field field;
    if (p.text.n > CLAUSE_BYTES_MAX) {
        return err_set(err, ERR_LIMIT, "a clause of order_by may have %d bytes, found %zu", CLAUSE_BYTES_MAX, p.text.n);
    }
    parser_move(&p);
    if (parser_written_field(&p, &field) < 0) {
        return refuse(p.text, err);
    }
    return read_direction(&p, &ret->descending, err) < 0 ||
                   written_field_read(family, &field, true, &ret->field, err) < 0
               ? -1
               : 0;
}

bool search_field_equal(const struct search_field *a, const struct search_field *b)
{
    if (a->entity != b->entity) {
        return false;
    }
    if (a->entity == ENTITY_ATTRIBUTE) {
        return strcmp(a->attribute->name, b->attribute->name) == 0;
    }
    return a->part == b->part && str_eq(a->key, b->key);
}

/* Of those the first counts, as in MLflow, which refuses them elsewhere. */
static bool takes_field_twice(enum search_family family)
{
    return family == SEARCH_EXPERIMENTS || family == SEARCH_EVALUATION;
}

static int refuse_twice(const char *const *clauses, size_t count, struct err *err)
{
    struct strbuf list;
    strbuf_init(&list, (size_t)ORDER_CLAUSES_MAX * (SHOWN_MAX + 4));
    for (size_t i = 0; i < count; i++) {
        strbuf_printf(&list, "%s'%.*s'", i == 0 ? "" : ", ", STR_ARG(shown(str_from(clauses[i]))));
    }
    int result = err_set(err, ERR_INPUT, "`order_by` contains duplicate fields: [%s]", list.data);
    strbuf_clear(&list);
    return result;
}

int order_parse(enum search_family family, const char *const *clauses, size_t count, struct arena *arena,
                struct search_order **ret, struct err *err)
{
    if (count > ORDER_CLAUSES_MAX) {
        return err_set(err, ERR_LIMIT, "order_by may have %d clauses, found %zu", ORDER_CLAUSES_MAX, count);
    }
    struct search_order *items = arena_array(arena, count, sizeof *items);
    for (size_t i = 0; i < count; i++) {
        if (parse_clause(family, clauses[i], arena, &items[i], err) < 0) {
            return -1;
        }
        for (size_t before = 0; before < i && !takes_field_twice(family); before++) {
            if (search_field_equal(&items[before].field, &items[i].field)) {
                return refuse_twice(clauses, count, err);
            }
        }
    }
    *ret = items;
    return 0;
}
