/* SPDX-License-Identifier: Apache-2.0 */
#include "value.h"

#include "spelling.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct step_value *value_given(const struct step_value *value)
{
    return value == NULL || value->type == STEP_TYPE_NULL ? NULL : value;
}

const char *value_type_name(const struct step_value *value)
{
    static const char *const names[] = {"null", "a boolean", "a number", "a number", "a text", "a list", "a map"};
    return value == NULL ? names[0] : names[value->type];
}

const char *value_text(const struct step_value *value)
{
    return value != NULL && value->type == STEP_TYPE_STRING && value->string[0] != '\0' ? value->string : NULL;
}

const char *value_member_text(const struct step_value *map, const char *key)
{
    return value_text(step_get(map, key));
}

/* ---- numbers -------------------------------------------------------------------------------- */

static int parse_whole(const char *text, int64_t *ret_number)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || isspace((unsigned char)text[0]) || text[0] == '+') {
        return -1;
    }
    *ret_number = number;
    return 0;
}

int value_whole(const struct step_value *value, const char *what, int64_t *ret_number, struct fault *fault)
{
    if (value != NULL && value->type == STEP_TYPE_INT) {
        *ret_number = value->integer;
        return 0;
    }
    const char *text = value_text(value);
    if (text != NULL && parse_whole(text, ret_number) == 0) {
        return 0;
    }
    if (text != NULL) {
        return fault_set(fault, "%s: '%.60s' is not a whole number", what, text);
    }
    return fault_set(fault, "%s: expected a whole number, got %s", what, value_type_name(value));
}

static const struct {
    const char *unit;
    int64_t ms;
} duration_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
enum { DURATION_UNITS = sizeof duration_units / sizeof duration_units[0] };

/* One "90s" of a duration, moving the text behind it. Its unit is among those from `next`: they go down, each once. */
static int parse_part(const char **text, size_t *next, int64_t *total_ms)
{
    const char *p = *text;
    int64_t number = 0;
    size_t digits = 0;
    for (; isdigit((unsigned char)*p) && digits < 12; p++, digits++) {
        number = number * 10 + (*p - '0');
    }
    size_t letters = strspn(p, "abcdefghijklmnopqrstuvwxyz");
    for (size_t i = *next; digits > 0 && number <= 1000000000 && i < DURATION_UNITS; i++) {
        if (strlen(duration_units[i].unit) == letters && strncmp(duration_units[i].unit, p, letters) == 0 &&
            number <= (INT64_MAX - *total_ms) / duration_units[i].ms) {
            *total_ms += number * duration_units[i].ms;
            *text = p + letters;
            *next = i + 1;
            return 0;
        }
    }
    return -1;
}

int value_duration(const struct step_value *value, const char *what, int64_t *ret_ms, struct fault *fault)
{
    const char *text = value_text(value);
    int64_t total_ms = 0;
    const char *p = text;
    size_t next = 0;
    while (p != NULL && *p != '\0') {
        if (parse_part(&p, &next, &total_ms) < 0) {
            return fault_set(fault, "%s: '%.60s' is not a duration: expected one such as 30s or 1h30m", what, text);
        }
    }
    if (text == NULL) {
        return fault_set(fault, "%s: expected a duration such as 30s, got %s", what, value_type_name(value));
    }
    *ret_ms = total_ms;
    return 0;
}

void value_put_duration(struct textbuf *out, int64_t ms)
{
    bool put = false;
    for (size_t i = 0; i < DURATION_UNITS; i++) {
        if (ms >= duration_units[i].ms) {
            textbuf_printf(out, "%lld%s", (long long)(ms / duration_units[i].ms), duration_units[i].unit);
            ms %= duration_units[i].ms;
            put = true;
        }
    }
    textbuf_put(out, put ? "" : "0s");
}

/* ---- shapes --------------------------------------------------------------------------------- */

int value_check_texts(const struct step_value *value, const char *what, struct fault *fault)
{
    if (value == NULL || value->type != STEP_TYPE_LIST) {
        return fault_set(fault, "%s: expected a list of texts, got %s", what, value_type_name(value));
    }
    for (size_t i = 0; i < value->count; i++) {
        if (value_text(&value->items[i]) == NULL) {
            return fault_set(fault, "%s: item %zu is %s: expected a text", what, i + 1,
                             value->items[i].type == STEP_TYPE_STRING ? "empty" : value_type_name(&value->items[i]));
        }
    }
    return 0;
}

static int unknown_key(const char *what, const char *key, const char *const *known, size_t count, struct fault *fault)
{
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < count && used < sizeof names; i++) {
        int more = snprintf(names + used, sizeof names - used, "%s%s", i == 0 ? "" : ", ", known[i]);
        used += more < 0 ? 0 : (size_t)more;
    }
    const char *nearest = spelling_nearest(key, known, count);
    return fault_set(fault, "%s: unknown key '%.60s'%s%s%s: expected %s", what, key,
                     nearest == NULL ? "" : " (did you mean '", nearest == NULL ? "" : nearest,
                     nearest == NULL ? "" : "'?)", names);
}

int value_check_keys(const struct step_value *value, const char *what, const char *const *known, size_t count,
                     struct fault *fault)
{
    if (value == NULL || value->type != STEP_TYPE_MAP) {
        return fault_set(fault, "%s: expected a map, got %s", what, value_type_name(value));
    }
    for (size_t i = 0; i < value->count; i++) {
        bool found = false;
        for (size_t k = 0; k < count && !found; k++) {
            found = strcmp(value->keys[i], known[k]) == 0;
        }
        if (!found) {
            return unknown_key(what, value->keys[i], known, count, fault);
        }
    }
    return 0;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void put_list(struct textbuf *out, const struct step_value *value)
{
    textbuf_put(out, "[");
    for (size_t i = 0; i < value->count; i++) {
        textbuf_put(out, i == 0 ? "" : ",");
        value_put_json(out, &value->items[i]);
    }
    textbuf_put(out, "]");
}

static void put_map(struct textbuf *out, const struct step_value *value)
{
    textbuf_put(out, "{");
    for (size_t i = 0; i < value->count; i++) {
        textbuf_put(out, i == 0 ? "" : ",");
        textbuf_json_string(out, value->keys[i]);
        textbuf_put(out, ":");
        value_put_json(out, &value->items[i]);
    }
    textbuf_put(out, "}");
}

void value_put_json(struct textbuf *out, const struct step_value *value)
{
    switch (value == NULL ? STEP_TYPE_NULL : value->type) {
    case STEP_TYPE_NULL:
        textbuf_put(out, "null");
        break;
    case STEP_TYPE_BOOL:
        textbuf_put(out, value->boolean ? "true" : "false");
        break;
    case STEP_TYPE_INT:
        textbuf_printf(out, "%lld", (long long)value->integer);
        break;
    case STEP_TYPE_NUMBER:
        textbuf_json_number(out, value->number);
        break;
    case STEP_TYPE_STRING:
        textbuf_json_string(out, value->string);
        break;
    case STEP_TYPE_LIST:
        put_list(out, value);
        break;
    case STEP_TYPE_MAP:
        put_map(out, value);
        break;
    }
}

void value_put_plain(struct textbuf *out, const struct step_value *value)
{
    if (value != NULL && value->type == STEP_TYPE_STRING) {
        textbuf_put(out, value->string);
    } else {
        value_put_json(out, value);
    }
}
