/* SPDX-License-Identifier: Apache-2.0
 * What a message calls a part of a filter that does not fit: by the parts that MLflow's parser makes of it.
 */
#include "base/strbuf.h"
#include "search/filter_internal.h"

enum { QUOTED_MAX = 200 }; /* bytes of the filter that a message quotes */

static bool is_keyword(const struct token *token)
{
    static const char *const words[] = {"LIKE", "ILIKE",  "IN",     "NOT",     "IS",
                                        "NULL", "BETWEEN", "RLIKE", "REGEXP", "SELECT"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (token_is(token, words[i])) {
            return true;
        }
    }
    return false;
}

static bool is_named(const struct token *token)
{
    bool is_number = token->type == TOKEN_INTEGER || token->type == TOKEN_FLOAT;
    return is_number || (token->type == TOKEN_NAME && !is_keyword(token));
}

struct clause {
    struct token last;
    size_t depth; /* of parentheses that are open in it */
    bool has_alias;
};

/* "a b" is a name with another name for it, "a, b" a list, "a(b" and "a - b" one thing as well. */
static bool goes_on(struct clause *clause, const struct token *token)
{
    if (clause->depth > 0 || token->type == TOKEN_OTHER || clause->last.type == TOKEN_OTHER) {
        return true;
    }
    if (token->type == TOKEN_COMMA || token->type == TOKEN_OPEN) {
        return is_named(&clause->last);
    }
    bool is_alias = token->type == TOKEN_NAME && is_named(token) && is_named(&clause->last) && !clause->has_alias;
    clause->has_alias = clause->has_alias || is_alias;
    return is_alias || clause->last.type == TOKEN_COMMA;
}

static void add(struct strbuf *out, struct str part, const char *quote)
{
    strbuf_printf(out, "%s%s%.*s%s", out->length == 0 ? "" : ", ", quote, STR_ARG(part), quote);
}

/* From that offset to the next AND or OR. */
static void add_clauses(struct strbuf *out, const struct parser *p, size_t from)
{
    const char *quote = p->family == SEARCH_RUNS || p->family == SEARCH_TRACES ? "'" : "";
    struct clause clause = {0};
    size_t at = from;
    size_t start = from;
    size_t end = from;
    struct token token = token_next(p->text, &at);
    for (start = token.at; token.type != TOKEN_END && out->length < QUOTED_MAX; token = token_next(p->text, &at)) {
        if (end > start && clause.depth == 0 && (token_is(&token, "AND") || token_is(&token, "OR"))) {
            break;
        }
        if (end > start && !goes_on(&clause, &token)) {
            add(out, str_slice(p->text, start, end), quote);
            clause = (struct clause){0};
            start = token.at;
        }
        clause.depth += token.type == TOKEN_OPEN;
        clause.depth -= token.type == TOKEN_CLOSE && clause.depth > 0;
        clause.last = token;
        end = token.at + token.text.n;
    }
    add(out, str_slice(p->text, start, end), quote);
}

int parser_refuse(struct parser *p, size_t from, const char *expected)
{
    struct str quoted = str_slice(p->text, 0, QUOTED_MAX);
    struct strbuf clauses;
    if (p->token.type == TOKEN_SEMICOLON && str_trim(str_slice(p->text, p->at, p->text.n)).n > 0) {
        return err_set(p->err, ERR_INPUT,
                       "Search filter contained multiple expression '%.*s'. Provide AND-ed expression list.",
                       STR_ARG(quoted));
    }
    if (p->family == SEARCH_LOGGED_MODELS) {
        return err_set(p->err, ERR_INPUT,
                       "Invalid filter string: '%.*s'. Expected a list of comparisons separated by 'AND' (e.g. "
                       "'metrics.loss > 0.1 AND params.lr = 0.01'), found no %s.",
                       STR_ARG(quoted), expected);
    }
    strbuf_init(&clauses, 2 * FILTER_BYTES_MAX);
    add_clauses(&clauses, p, from);
    int result = err_set(p->err, ERR_INPUT, "Invalid clause(s) in filter string: %.*s: expected %s",
                         STR_ARG(str_slice(strbuf_str(&clauses), 0, QUOTED_MAX)), expected);
    strbuf_clear(&clauses);
    return result;
}
