/* SPDX-License-Identifier: Apache-2.0
 * One condition of a filter: a name, an operator, a value.
 */
#include "search/filter_internal.h"
#include "search/like.h"

enum { NAMED_MAX = 200 };

/* ---- names ---------------------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    enum metric_part part;
} functions[] = {{"min", METRIC_MIN}, {"max", METRIC_MAX}, {"last", METRIC_LAST}};

static bool next_opens(const struct parser *p)
{
    size_t at = p->at;
    return token_next(p->text, &at).type == TOKEN_OPEN;
}

static int read_function(struct parser *p, enum metric_part part, struct written_field *ret)
{
    parser_move(p);
    parser_move(p);
    if (p->token.type != TOKEN_NAME) {
        return parser_refuse(p, ret->at, "a metric in the parentheses");
    }
    ret->name = p->token.text;
    ret->part = part;
    parser_move(p);
    if (p->token.type != TOKEN_CLOSE) {
        return parser_refuse(p, ret->at, "')'");
    }
    parser_move(p);
    return 0;
}

int parser_written_field(struct parser *p, struct written_field *ret)
{
    *ret = (struct written_field){.name = p->token.text, .at = p->token.at};
    if (p->token.type != TOKEN_NAME) {
        return parser_refuse(p, ret->at, "a name");
    }
    for (size_t i = 0; i < sizeof functions / sizeof functions[0] && next_opens(p); i++) {
        if (token_is(&p->token, functions[i].word)) {
            return read_function(p, functions[i].part, ret);
        }
    }
    parser_move(p);
    return 0;
}

int written_field_read(enum search_family family, const struct written_field *written, bool for_order,
                       struct search_field *ret, struct err *err)
{
    if (search_field_read(family, written->name, for_order, ret, err) < 0) {
        return -1;
    }
    ret->part = written->part;
    if (written->part != METRIC_PLAIN && ret->entity != ENTITY_METRIC) {
        return err_set(err, ERR_INPUT, "%s is of metrics only, found '%.*s'",
                       functions[written->part - METRIC_MIN].word, STR_ARG(str_slice(written->name, 0, NAMED_MAX)));
    }
    return 0;
}

/* ---- operators ------------------------------------------------------------------------------------------ */

static const struct {
    const char *word;
    const char *second; /* or NULL */
    const char *third;
    enum filter_operator op;
} operators[] = {
    {"=", NULL, NULL, FILTER_EQ},           {"!=", NULL, NULL, FILTER_NE},
    {">", NULL, NULL, FILTER_GT},           {">=", NULL, NULL, FILTER_GE},
    {"<", NULL, NULL, FILTER_LT},           {"<=", NULL, NULL, FILTER_LE},
    {"LIKE", NULL, NULL, FILTER_LIKE},      {"ILIKE", NULL, NULL, FILTER_ILIKE},
    {"NOT", "LIKE", NULL, FILTER_NOT_LIKE}, {"NOT", "ILIKE", NULL, FILTER_NOT_ILIKE},
    {"IN", NULL, NULL, FILTER_IN},          {"NOT", "IN", NULL, FILTER_NOT_IN},
    {"IS", "NULL", NULL, FILTER_IS_NULL},   {"IS", "NOT", "NULL", FILTER_IS_NOT_NULL},
};
enum { OPERATOR_COUNT = sizeof operators / sizeof operators[0], UNKNOWN_OPERATOR = OPERATOR_COUNT };

static bool is_word(const struct token *token, const char *word)
{
    return token_is(token, word) || (token->type == TOKEN_COMPARE && str_is(token->text, word));
}

/* The rest of an operator's words, behind its first. */
static bool take_words(struct parser *p, const char *second, const char *third)
{
    struct parser ahead = *p;
    const char *const words[] = {second, third};
    parser_move(&ahead);
    for (size_t i = 0; i < 2 && words[i] != NULL; i++) {
        if (!token_is(&ahead.token, words[i])) {
            return false;
        }
        parser_move(&ahead);
    }
    p->at = ahead.at;
    p->token = ahead.token;
    return true;
}

/* An operator that there is none of is taken too, if MLflow reads it as one: what it says of it comes later. */
static int read_operator(struct parser *p, size_t from, size_t *ret_operator, struct str *ret_text)
{
    size_t start = p->token.at;
    for (size_t i = 0; i < OPERATOR_COUNT; i++) {
        if (is_word(&p->token, operators[i].word) && take_words(p, operators[i].second, operators[i].third)) {
            *ret_operator = i;
            *ret_text = str_trim(str_slice(p->text, start, p->token.at));
            return 0;
        }
    }
    if (p->token.type == TOKEN_COMPARE || token_is(&p->token, "RLIKE") || token_is(&p->token, "REGEXP")) {
        *ret_operator = UNKNOWN_OPERATOR;
        *ret_text = p->token.text;
        parser_move(p);
        return 0;
    }
    return parser_refuse(p, from, "a comparison");
}

/* ---- which operators a field takes ---------------------------------------------------------------------- */

enum { NUMBERS = 0x3f, TEXTS = 0x3, LIKES = 0x3c0, LISTS = 0xc00, NULLS = 0x3000 };

static bool is_number(const struct search_field *field)
{
    return field->entity == ENTITY_METRIC || (field->entity == ENTITY_ATTRIBUTE && field->attribute->is_number);
}

static bool takes_list(enum search_family family, const struct search_field *field)
{
    return field->entity == ENTITY_DATASET || (field->entity == ENTITY_ATTRIBUTE && field->attribute->takes_list) ||
           (family == SEARCH_LOGGED_MODELS && (field->entity == ENTITY_PARAM || field->entity == ENTITY_TAG));
}

static bool is_experiment_id(enum search_family family, const struct search_field *field)
{
    return family == SEARCH_EXPERIMENTS && field->entity == ENTITY_ATTRIBUTE &&
           strcmp(field->attribute->name, "experiment_id") == 0;
}

static unsigned operators_of(enum search_family family, const struct search_field *field)
{
    if (is_number(field)) {
        return NUMBERS | NULLS;
    }
    unsigned likes = is_experiment_id(family, field) ? 0 : LIKES;
    bool is_ordered = family == SEARCH_EVALUATION && field->entity == ENTITY_ATTRIBUTE; /* of these MLflow's are */
    return (is_ordered ? NUMBERS : TEXTS) | likes | NULLS | (takes_list(family, field) ? LISTS : 0);
}

static const char *operator_list(enum search_family family, const struct search_field *field)
{
    return is_number(field)            ? "'=', '!=', '>', '>=', '<', '<=', 'IS NULL', 'IS NOT NULL'"
           : takes_list(family, field) ? "'=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN', 'IS NULL', 'IS NOT NULL'"
                                       : "'=', '!=', 'LIKE', 'ILIKE', 'IS NULL', 'IS NOT NULL'";
}

static int refuse_operator(enum search_family family, const struct written_field *written,
                           const struct search_field *field, struct str op, struct err *err)
{
    const char *list = operator_list(family, field);
    struct str name = str_slice(written->name, 0, NAMED_MAX);
    op = str_slice(op, 0, 40);
    if (family == SEARCH_LOGGED_MODELS) {
        return err_set(err, ERR_INPUT, "Invalid comparison operator for %.*s: '%.*s'. Expected one of (%s).",
                       STR_ARG(name), STR_ARG(op), list);
    }
    if (is_experiment_id(family, field)) {
        return err_set(err, ERR_INPUT, "Invalid comparator for experiment_id: %.*s", STR_ARG(op));
    }
    bool is_plain = family == SEARCH_RUNS || family == SEARCH_TRACES;
    if (!is_plain && (field->entity == ENTITY_TAG || family != SEARCH_EXPERIMENTS)) {
        return err_set(err, ERR_INPUT, "Invalid comparator for %s: %.*s: expected one of %s",
                       field->entity == ENTITY_TAG ? "tag" : "attribute", STR_ARG(op), list);
    }
    return err_set(err, ERR_INPUT, "Invalid comparator '%.*s' not one of '{%s}'", STR_ARG(op), list);
}

/* ---- the condition -------------------------------------------------------------------------------------- */

/* A literal before an operator is what MLflow has words of its own for. */
static int check_begins_with_name(struct parser *p)
{
    size_t at = p->at;
    bool is_literal = p->token.type == TOKEN_INTEGER || p->token.type == TOKEN_FLOAT || p->token.type == TOKEN_STRING;
    if (is_literal && token_next(p->text, &at).type == TOKEN_COMPARE) {
        return err_set(p->err, ERR_INPUT, "Invalid comparison clause. Expected 'Identifier' found '%.*s'",
                       STR_ARG(str_slice(p->token.text, 0, NAMED_MAX)));
    }
    return 0;
}

int parser_condition(struct parser *p, struct filter *ret)
{
    struct written_field field = {0};
    struct written_value value = {0};
    size_t which = 0;
    struct str text = {0};
    p->condition_at = p->token.at;
    if (check_begins_with_name(p) < 0 || parser_written_field(p, &field) < 0 ||
        read_operator(p, field.at, &which, &text) < 0) {
        return -1;
    }
    enum filter_operator op = which == UNKNOWN_OPERATOR ? FILTER_EQ : operators[which].op;
    bool is_null = op == FILTER_IS_NULL || op == FILTER_IS_NOT_NULL;
    bool is_list = op == FILTER_IN || op == FILTER_NOT_IN;
    if (is_list && p->token.type != TOKEN_OPEN) {
        return parser_refuse(p, field.at, "a list in parentheses");
    }
    if ((!is_null && parser_written_value(p, &value) < 0) ||
        written_field_read(p->family, &field, false, &ret->field, p->err) < 0) {
        return -1;
    }
    bool is_known = which != UNKNOWN_OPERATOR && (operators_of(p->family, &ret->field) >> op & 1) != 0;
    if (!is_known && p->family == SEARCH_LOGGED_MODELS) { /* which says so before it looks at the value */
        return refuse_operator(p->family, &field, &ret->field, text, p->err);
    }
    if ((!is_null && written_value_read(p->family, &ret->field, &value, &ret->value, p->err) < 0)) {
        return -1;
    }
    bool has_list = ret->value.type == VALUE_LIST;
    if (!is_known || has_list != is_list) {
        return refuse_operator(p->family, &field, &ret->field, text, p->err);
    }
    ret->kind = FILTER_CONDITION;
    ret->op = op;
    return op >= FILTER_LIKE && op <= FILTER_NOT_ILIKE ? like_check(ret->value.text, p->err) : 0;
}
