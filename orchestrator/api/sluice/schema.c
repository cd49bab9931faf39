/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sluice/schema.h"

#include "base/parse.h"
#include "base/utf8.h"

#include <math.h>
#include <regex.h>

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static struct json text_or_null(const char *text, struct arena *arena)
{
    return text == NULL ? json_null() : json_cstring(arena, text);
}

static struct json moment(int64_t ms, struct arena *arena)
{
    char text[40];
    if (ms == 0) {
        return json_null();
    }
    format_time(text, sizeof text, ms);
    return json_cstring(arena, text);
}

static struct json written(const struct schema_field *field, const void *member, struct arena *arena)
{
    switch (field->type) {
    case SCHEMA_TEXT:
        return text_or_null(*(const char *const *)member, arena);
    case SCHEMA_INT:
        return json_int(*(const int64_t *)member);
    case SCHEMA_NUMBER:
        return isnan(*(const double *)member) ? json_null() : json_number(*(const double *)member);
    case SCHEMA_BOOL:
        return json_bool(*(const bool *)member);
    case SCHEMA_TIME:
        return moment(*(const int64_t *)member, arena);
    case SCHEMA_ANY:
    case SCHEMA_MAP:
    case SCHEMA_OBJECT:
    case SCHEMA_LIST:
    case SCHEMA_TEXTS:
        break;
    }
    return *(const struct json *)member;
}

struct json schema_write(const struct schema *schema, const void *record, struct arena *arena)
{
    struct json object = json_object();
    for (const struct schema_field *field = schema->fields; field->name != NULL; field++) {
        json_add(arena, &object, field->name, written(field, (const char *)record + field->at, arena));
    }
    return object;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

enum { PLACES = SCHEMA_IN_PATH | SCHEMA_IN_QUERY, SHOWN = 60 };

static size_t characters(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.n; i++) {
        count += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    }
    return count;
}

static bool fits(const char *pattern, const char *text)
{
    regex_t compiled;
    if (regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        return false;
    }
    bool matches = regexec(&compiled, text, 0, NULL, 0) == 0;
    regfree(&compiled);
    return matches;
}

static int refuse(const struct schema_field *field, const struct json *value, struct arena *arena,
                  const char *expected, struct err *err)
{
    struct str text = json_text(arena, value);
    bool cut = text.n > SHOWN;
    text = str_slice(text, 0, SHOWN);
    while (text.n > 0 && !utf8_valid(text)) {
        text.n--;
    }
    return err_set(err, ERR_INPUT, "'%s': expected %s, found %.*s%s", field->name, expected, STR_ARG(text),
                   cut ? "..." : "");
}

static const char *one_of(const char *const *words, struct arena *arena)
{
    const char *list = "";
    for (size_t i = 0; words[i] != NULL; i++) {
        list = arena_printf(arena, "%s%s%s", list, i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ", words[i]);
    }
    return list;
}

static int read_text(const struct schema_field *field, const struct json *value, struct arena *arena, struct err *err)
{
    size_t most = field->most == 0 ? SCHEMA_TEXT_MAX : (size_t)field->most;
    if (value->type != JSON_STRING) {
        return refuse(field, value, arena, "a string", err);
    }
    struct str text = value->u.string;
    size_t length = characters(text);
    if (!utf8_valid(text) || str_find_byte(text, '\0', 0) >= 0) {
        return refuse(field, value, arena, "text in UTF-8 without NUL", err);
    }
    if (length > most || length < (size_t)field->least) {
        return refuse(field, value, arena,
                      arena_printf(arena, "%zu to %zu characters", (size_t)field->least, most), err);
    }
    if (field->words != NULL) {
        for (size_t i = 0; field->words[i] != NULL; i++) {
            if (str_is(text, field->words[i])) {
                return 0;
            }
        }
        return refuse(field, value, arena, one_of(field->words, arena), err);
    }
    return field->pattern == NULL || fits(field->pattern, text.p)
               ? 0
               : refuse(field, value, arena, arena_printf(arena, "what %s fits", field->pattern), err);
}

static bool is_whole(double real)
{
    return real >= -9007199254740992.0 && real <= 9007199254740992.0 && real == floor(real);
}

static int read_int(const struct schema_field *field, struct json *value, struct arena *arena, struct err *err)
{
    bool bound = field->least != 0 || field->most != 0;
    int64_t least = bound ? field->least : INT64_MIN;
    int64_t most = bound ? field->most : INT64_MAX;
    int64_t number = 0;
    if (value->type == JSON_NUMBER && is_whole(value->u.number)) {
        *value = json_int((int64_t)value->u.number); /* 1.0 is an integer */
    }
    if ((field->flags & PLACES) != 0 && value->type == JSON_STRING &&
        parse_int(value->u.string, INT64_MIN, INT64_MAX, &number, NULL) == 0) {
        *value = json_int(number);
    }
    return value->type == JSON_INT && value->u.integer >= least && value->u.integer <= most
               ? 0
               : refuse(field, value, arena,
                        arena_printf(arena, "an integer from %lld to %lld", (long long)least, (long long)most), err);
}

static int read_bool(const struct schema_field *field, struct json *value, struct arena *arena, struct err *err)
{
    bool is_text = (field->flags & PLACES) != 0 && value->type == JSON_STRING;
    bool yes = is_text && str_is(value->u.string, "true");
    if (yes || (is_text && str_is(value->u.string, "false"))) {
        *value = json_bool(yes);
    }
    return value->type == JSON_BOOL ? 0 : refuse(field, value, arena, "true or false", err);
}

static int read_value(const struct schema_field *field, struct json *value, struct arena *arena, struct err *err)
{
    int64_t ms = 0;
    switch (field->type) {
    case SCHEMA_TEXT:
        return read_text(field, value, arena, err);
    case SCHEMA_INT:
        return read_int(field, value, arena, err);
    case SCHEMA_BOOL:
        return read_bool(field, value, arena, err);
    case SCHEMA_TIME:
        if (value->type != JSON_STRING || parse_time(value->u.string, &ms, NULL) < 0) {
            return refuse(field, value, arena, "a time like 2026-08-01T12:00:00Z", err);
        }
        *value = json_int(ms);
        return 0;
    case SCHEMA_NUMBER:
        return value->type == JSON_INT || value->type == JSON_NUMBER ? 0 : refuse(field, value, arena, "a number", err);
    case SCHEMA_MAP:
        return value->type == JSON_OBJECT ? 0 : refuse(field, value, arena, "an object", err);
    case SCHEMA_ANY:
    case SCHEMA_OBJECT:
    case SCHEMA_LIST:
    case SCHEMA_TEXTS:
        break;
    }
    return 0;
}

static const struct schema_field *find(const struct schema_field *fields, unsigned where, struct str name)
{
    for (const struct schema_field *field = fields; field != NULL && field->name != NULL; field++) {
        if ((field->flags & PLACES) == where && str_is(name, field->name)) {
            return field;
        }
    }
    return NULL;
}

static int refuse_name(const struct schema_field *fields, unsigned where, struct str name, struct arena *arena,
                       struct err *err)
{
    struct str names[64] = {{0}};
    size_t count = 0;
    const char *list = "";
    for (const struct schema_field *field = fields; field != NULL && field->name != NULL && count < 64; field++) {
        if ((field->flags & PLACES) == where) {
            names[count++] = str_from(field->name);
            list = arena_printf(arena, "%s%s%s", list, count == 1 ? "" : ", ", field->name);
        }
    }
    ptrdiff_t near = str_nearest(name, names, count);
    name = str_slice(name, 0, SHOWN);
    return err_set(err, ERR_INPUT, "there is no '%.*s' in the %s: %s%s%.*s", STR_ARG(name),
                   where == SCHEMA_IN_QUERY ? "query" : "body",
                   near >= 0    ? "did you mean "
                   : count == 0 ? "expected nothing"
                                : "expected some of ",
                   near >= 0 ? "" : list, near >= 0 ? (int)names[near].n : 0, near >= 0 ? names[near].p : "");
}

int schema_read(const struct schema_field *fields, unsigned where, const struct json *raw, struct arena *arena,
                struct json *ret, struct err *err)
{
    for (size_t i = 0; i < raw->u.object.count; i++) {
        const struct json_member *member = &raw->u.object.members[i];
        const struct schema_field *field = find(fields, where, member->key);
        struct json value = member->value;
        if (field == NULL) {
            return refuse_name(fields, where, member->key, arena, err);
        }
        if (read_value(field, &value, arena, err) < 0) {
            return -1;
        }
        json_set(arena, ret, field->name, value);
    }
    for (const struct schema_field *field = fields; field != NULL && field->name != NULL; field++) {
        if ((field->flags & PLACES) == where && (field->flags & SCHEMA_REQUIRED) != 0 &&
            json_get(ret, field->name) == NULL) {
            return err_set(err, ERR_INPUT, "'%s' is missing", field->name);
        }
    }
    return 0;
}
