/* SPDX-License-Identifier: Apache-2.0
 * The values of a filter: what is written behind an operator, and what the field before it takes.
 */
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "search/filter_internal.h"

#include <math.h>

enum { SHOWN_MAX = 200, NUMBER_BYTES_MAX = 399 };

/* ---- lists: Python's literals, since that is what MLflow reads them as ---------------------------------- */

static size_t hex(struct str digits, uint32_t *ret_code)
{
    uint32_t code = 0;
    for (size_t i = 0; i < digits.n; i++) {
        const char *at = memchr("0123456789abcdef0123456789ABCDEF", digits.p[i], 32);
        if (at == NULL) {
            return 0;
        }
        code = code * 16 + (uint32_t)((at - "0123456789abcdef0123456789ABCDEF") % 16);
    }
    *ret_code = code;
    return digits.n;
}

/* "\x41" and the like; the number of bytes read, or 0. */
static size_t add_coded(struct strbuf *out, struct str behind)
{
    static const struct {
        char letter;
        size_t digits;
    } forms[] = {{'x', 2}, {'u', 4}, {'U', 8}};
    char room[4];
    uint32_t code = 0;
    for (size_t i = 0; i < 3; i++) {
        size_t length = 1 + forms[i].digits;
        if (behind.n >= length && behind.p[0] == forms[i].letter && hex(str_slice(behind, 1, length), &code) > 0 &&
            code > 0 && code <= 0x10ffff && (code < 0xd800 || code >= 0xe000)) {
            strbuf_add(out, room, utf8_encode(code, room));
            return length;
        }
    }
    return 0;
}

/* What stands behind a backslash; the number of bytes read. One that means nothing stays, with its backslash. */
static size_t add_escaped(struct strbuf *out, struct str behind)
{
    static const char letters[] = "\\'\"abfnrtv";
    static const char meant[] = "\\'\"\a\b\f\n\r\t\v";
    const char *at = behind.n == 0 ? NULL : memchr(letters, behind.p[0], sizeof letters - 1);
    if (at != NULL) {
        strbuf_add_byte(out, meant[at - letters]);
        return 1;
    }
    size_t coded = add_coded(out, behind);
    if (coded == 0) {
        strbuf_add_byte(out, '\\');
    }
    return coded;
}

/* The texts of a token, one behind the other: 'a''b' are two. */
static void add_literal(struct strbuf *out, struct str written)
{
    char quote = written.p[0];
    bool inside = false;
    for (size_t i = 0; i < written.n;) {
        char c = written.p[i++];
        if (c == quote) {
            inside = !inside;
        } else if (inside && c == '\\') {
            i += add_escaped(out, str_slice(written, i, written.n));
        } else {
            strbuf_add_byte(out, c);
        }
    }
}

static bool is_text(const struct token *token)
{
    return token->type == TOKEN_STRING || (token->type == TOKEN_NAME && token->text.p[0] == '"');
}

static int refuse_list(struct parser *p, size_t from)
{
    struct str found = str_slice(p->text, from, p->token.at + p->token.text.n);
    found = str_slice(found, 0, SHOWN_MAX);
    if (p->token.type == TOKEN_INTEGER || p->token.type == TOKEN_FLOAT) {
        return err_set(p->err, ERR_INPUT,
                       "While parsing a list in the query, expected string value, punctuation, or whitespace, but got "
                       "different type in list: %.*s",
                       STR_ARG(found));
    }
    return err_set(p->err, ERR_INPUT,
                   "While parsing a list in the query, expected a non-empty list of string values, but got %s: %.*s",
                   p->token.type == TOKEN_CLOSE ? "empty list" : "ill-formed list", STR_ARG(found));
}

static struct str read_texts(struct parser *p)
{
    struct strbuf out;
    strbuf_init(&out, FILTER_BYTES_MAX);
    while (is_text(&p->token)) {
        add_literal(&out, p->token.text);
        parser_move(p);
    }
    struct str copy = arena_str(p->arena, strbuf_str(&out));
    strbuf_clear(&out);
    return copy;
}

static int read_list(struct parser *p, struct written_value *ret)
{
    struct str *items = NULL;
    size_t count = 0;
    size_t room = 0;
    size_t from = p->token.at;
    parser_move(p);
    while (is_text(&p->token)) {
        if (count == FILTER_LIST_MAX) {
            return err_set(p->err, ERR_LIMIT, "a list in a filter may have %d texts", FILTER_LIST_MAX);
        }
        items = arena_grow(p->arena, items, count, &room, sizeof *items);
        items[count++] = read_texts(p);
        if (p->token.type != TOKEN_COMMA) {
            break;
        }
        parser_move(p);
    }
    if (count == 0 || p->token.type != TOKEN_CLOSE) {
        return refuse_list(p, from);
    }
    parser_move(p);
    ret->items = items;
    ret->count = count;
    ret->text = str_trim(str_slice(p->text, from, p->token.at));
    return 0;
}

int parser_written_value(struct parser *p, struct written_value *ret)
{
    *ret = (struct written_value){.token = p->token, .text = p->token.text};
    switch (p->token.type) {
    case TOKEN_OPEN:
        return read_list(p, ret);
    case TOKEN_NAME:
    case TOKEN_STRING:
    case TOKEN_INTEGER:
    case TOKEN_FLOAT:
        parser_move(p);
        return 0;
    default:
        return parser_refuse(p, p->condition_at, "a value behind the operator");
    }
}

/* ---- numbers -------------------------------------------------------------------------------------------- */

/* What is too great for a double is infinite, as in Python. */
static int read_double(const struct written_value *written, double *ret, struct err *err)
{
    struct str text = written->text;
    if (parse_number(text, ret, NULL) == 0) {
        return 0;
    }
    bool is_number = written->token.type == TOKEN_INTEGER || written->token.type == TOKEN_FLOAT;
    if (!is_number || text.n > NUMBER_BYTES_MAX) {
        return err_set(err, ERR_INPUT, "expected a number, found '%.*s'", STR_ARG(str_slice(text, 0, SHOWN_MAX)));
    }
    *ret = text.p[0] == '-' ? -INFINITY : INFINITY;
    return 0;
}

static int real_value(const struct written_value *written, struct filter_value *ret, struct err *err)
{
    ret->type = VALUE_REAL;
    return read_double(written, &ret->real, err);
}

/* Integers beyond 64 bits compare as what they are near to. */
static int number_value(const struct written_value *written, struct filter_value *ret, struct err *err)
{
    if (written->token.type == TOKEN_INTEGER &&
        parse_int(written->text, INT64_MIN, INT64_MAX, &ret->integer, NULL) == 0) {
        ret->type = VALUE_INT;
        return 0;
    }
    return real_value(written, ret, err);
}

static bool is_numeric(const struct written_value *written)
{
    return written->token.type == TOKEN_INTEGER || written->token.type == TOKEN_FLOAT;
}

static struct str shown(const struct written_value *written)
{
    return str_slice(written->text, 0, SHOWN_MAX);
}

/* ---- texts ---------------------------------------------------------------------------------------------- */

static int text_value(const struct written_value *written, struct filter_value *ret, struct err *err)
{
    struct str text = written->text;
    char quote = text.p[0];
    if (text.n < 2 || (quote != '\'' && quote != '"') || text.p[text.n - 1] != quote) {
        return err_set(err, ERR_INPUT,
                       "Parameter value is either not quoted or unidentified quote types used for string value %.*s. "
                       "Use either single or double quotes.",
                       STR_ARG(shown(written)));
    }
    ret->type = VALUE_TEXT;
    ret->text = str_slice(text, 1, text.n - 1);
    return 0;
}

static int list_value(const struct written_value *written, struct filter_value *ret)
{
    ret->type = VALUE_LIST;
    ret->items = written->items;
    ret->count = written->count;
    return 0;
}

static bool may_be_text(const struct written_value *written)
{
    return written->token.type == TOKEN_STRING || written->token.type == TOKEN_NAME;
}

/* ---- what a field takes
 * ----------------------------------------------------------------------------------------------
 */

static int plain_value(const struct search_field *field, const struct written_value *written, struct filter_value *ret,
                       struct err *err)
{
    bool is_number = field->entity == ENTITY_METRIC || (field->attribute != NULL && field->attribute->is_number);
    struct str text = written->text;
    if (is_number) {
        return real_value(written, ret, err);
    }
    if (written->token.type == TOKEN_OPEN) {
        return list_value(written, ret);
    }
    while (text.n > 0 && text.p[0] == '\'') {
        text = str_slice(text, 1, text.n);
    }
    while (text.n > 0 && text.p[text.n - 1] == '\'') {
        text = str_slice(text, 0, text.n - 1);
    }
    ret->type = VALUE_TEXT;
    ret->text = text;
    return 0;
}

static int bad_number(const struct search_field *field, struct str value, struct err *err)
{
    return err_set(err, ERR_INPUT, "Invalid value for numeric attribute '%s': '%.*s'", field->attribute->word,
                   STR_ARG(value));
}

/* The number of a version may stand in quotes. */
static int version_number(const struct search_field *field, const struct written_value *written,
                          struct filter_value *ret, struct err *err)
{
    struct filter_value text = {0};
    if (written->token.type == TOKEN_INTEGER) {
        return number_value(written, ret, err);
    }
    if (written->token.type == TOKEN_FLOAT || !may_be_text(written)) {
        return bad_number(field, shown(written), err);
    }
    if (text_value(written, &text, err) < 0) {
        return -1;
    }
    if (parse_int(str_trim(text.text), INT64_MIN, INT64_MAX, &ret->integer, NULL) < 0) {
        return bad_number(field, str_slice(text.text, 0, SHOWN_MAX), err);
    }
    ret->type = VALUE_INT;
    return 0;
}

static int number_attribute(enum search_family family, const struct search_field *field,
                            const struct written_value *written, struct filter_value *ret, struct err *err)
{
    if (family == SEARCH_VERSIONS) {
        return version_number(field, written, ret, err);
    }
    if (!is_numeric(written)) {
        return err_set(err, ERR_INPUT, "Expected numeric value type for numeric attribute: %s. Found %.*s",
                       field->attribute->word, STR_ARG(shown(written)));
    }
    bool is_whole = family == SEARCH_EXPERIMENTS || family == SEARCH_EVALUATION;
    if (is_whole && written->token.type == TOKEN_FLOAT) {
        return bad_number(field, shown(written), err);
    }
    return number_value(written, ret, err);
}

static int check_experiment_ids(const struct str *ids, size_t count, struct err *err)
{
    int64_t id = 0;
    for (size_t i = 0; i < count; i++) {
        if (parse_int(str_trim(ids[i]), INT64_MIN, INT64_MAX, &id, NULL) < 0) {
            return err_set(err, ERR_INPUT, "Invalid experiment ID '%.*s'. Experiment ID must be a valid integer.",
                           STR_ARG(str_slice(ids[i], 0, SHOWN_MAX)));
        }
    }
    return 0;
}

static int refuse_list_of(enum search_family family, struct err *err)
{
    static const char *const keys[] = {[SEARCH_RUNS] = "'run_id'",
                                       [SEARCH_EXPERIMENTS] = "'experiment_id'",
                                       [SEARCH_REGISTERED] = "'name'",
                                       [SEARCH_VERSIONS] = "'name', 'run_id'",
                                       [SEARCH_LOGGED_MODELS] = "",
                                       [SEARCH_TRACES] = "'name', 'status', 'request_id', 'run_id'",
                                       [SEARCH_EVALUATION] = "'name'"};
    return err_set(err, ERR_INPUT, "Only [%s] attributes support comparison with a list of quoted string values.",
                   keys[family]);
}

static int text_attribute(enum search_family family, const struct search_field *field,
                          const struct written_value *written, struct filter_value *ret, struct err *err)
{
    bool names_lists = family == SEARCH_REGISTERED || family == SEARCH_VERSIONS || family == SEARCH_TRACES;
    bool is_id = strcmp(field->attribute->name, "experiment_id") == 0;
    if (may_be_text(written)) {
        return text_value(written, ret, err) < 0 || (is_id && check_experiment_ids(&ret->text, 1, err) < 0) ? -1 : 0;
    }
    if (written->token.type == TOKEN_OPEN) {
        return !field->attribute->takes_list                                            ? refuse_list_of(family, err)
               : is_id && check_experiment_ids(written->items, written->count, err) < 0 ? -1
                                                                                        : list_value(written, ret);
    }
    if (family == SEARCH_VERSIONS) {
        return err_set(err, ERR_INPUT,
                       "Only the '{'version_number'}' attributes support comparison with numeric values. Found %.*s",
                       STR_ARG(shown(written)));
    }
    return err_set(err, ERR_INPUT, "Expected a quoted string value%s for attributes. Got value %.*s",
                   names_lists ? " or a list of quoted string values" : "", STR_ARG(shown(written)));
}

static int text_of_key(enum search_family family, const struct search_field *field,
                       const struct written_value *written, struct filter_value *ret, struct err *err)
{
    const char *param = family == SEARCH_TRACES ? "request_metadata" : "parameter";
    if (may_be_text(written)) {
        return text_value(written, ret, err);
    }
    return err_set(err, ERR_INPUT, "Expected a quoted string value for %s (e.g. 'my-value'). Got value %.*s",
                   field->entity == ENTITY_PARAM ? param : "tag", STR_ARG(shown(written)));
}

static int dataset_value(const struct written_value *written, struct filter_value *ret, struct err *err)
{
    if (may_be_text(written)) {
        return text_value(written, ret, err);
    }
    if (written->token.type == TOKEN_OPEN) {
        return list_value(written, ret);
    }
    return err_set(err, ERR_INPUT, "Expected a quoted string value for dataset attributes. Got value %.*s",
                   STR_ARG(shown(written)));
}

int written_value_read(enum search_family family, const struct search_field *field, const struct written_value *written,
                       struct filter_value *ret, struct err *err)
{
    if (family_of(family)->is_plain) {
        return plain_value(field, written, ret, err);
    }
    switch (field->entity) {
    case ENTITY_METRIC:
        return is_numeric(written) ? real_value(written, ret, err)
                                   : err_set(err, ERR_INPUT, "Expected numeric value type for metric. Found %.*s",
                                             STR_ARG(shown(written)));
    case ENTITY_PARAM:
    case ENTITY_TAG:
        return text_of_key(family, field, written, ret, err);
    case ENTITY_DATASET:
        return dataset_value(written, ret, err);
    default:
        return field->attribute->is_number ? number_attribute(family, field, written, ret, err)
                                           : text_attribute(family, field, written, ret, err);
    }
}
