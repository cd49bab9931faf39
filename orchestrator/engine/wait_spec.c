/* SPDX-License-Identifier: Apache-2.0
 * What a step may ask to wait for: the kinds and their members (docs/plugins.md, "Waiting").
 */
#include "engine/targets.h"

#include <math.h>

enum member_type { WHOLE, TEXT, ANY };

struct member_row {
    const char *kind; /* NULL: of every kind */
    const char *name;
    enum member_type type;
    bool required;
};

static const struct member_row rows[] = {
    {NULL, "kind", TEXT, true},
    {NULL, "expires_ms", WHOLE, false},
    {NULL, "every_ms", WHOLE, false},
    {"approval", "of", TEXT, false},
    {"approval", "by", ANY, false},
    {"approval", "not_by", ANY, false},
    {"approval", "quorum", WHOLE, false},
    {"approval", "evidence", ANY, false},
    {"approval", "message", TEXT, false},
    {"approval", "supersede", ANY, false},
    {"approval", "removes", TEXT, false},
    {"until", "at_ms", WHOLE, true},
    {"delay", "delay_ms", WHOLE, true},
    {"file", "path", TEXT, true},
    {"file", "stable_ms", WHOLE, false},
    {"url", "url", TEXT, true},
    {"url", "status", ANY, false},
    {"url", "contains", TEXT, false},
    {"target", "targets", ANY, true},
};
enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

static bool is_of(const struct member_row *row, const char *kind)
{
    return row->kind == NULL || strcmp(row->kind, kind) == 0;
}

static const struct member_row *find_row(const char *kind, struct str name)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (is_of(&rows[i], kind) && str_is(name, rows[i].name)) {
            return &rows[i];
        }
    }
    return NULL;
}

static int unknown_member(const char *kind, struct str name, struct err *err)
{
    struct str names[ROW_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (is_of(&rows[i], kind)) {
            names[count++] = str_from(rows[i].name);
        }
    }
    ptrdiff_t near = str_nearest(name, names, count);
    return near < 0 ? err_set(err, ERR_INPUT, "to wait for '%s' has no member '%.*s'", kind, STR_ARG(name))
                    : err_set(err, ERR_INPUT, "to wait for '%s' has no member '%.*s': did you mean '%s'?", kind,
                              STR_ARG(name), names[near].p);
}

/* Scripts compute with floats: 2000.0 is a whole number. */
static int check_member(const struct member_row *row, struct json *value, struct err *err)
{
    double number = value->type == JSON_NUMBER ? value->u.number : -1;
    bool whole = (value->type == JSON_INT && value->u.integer >= 0) ||
                 (number >= 0 && number <= 9e15 && floor(number) == number);
    if (row->type == WHOLE && !whole) {
        return err_set(err, ERR_INPUT, "to wait: '%s' is no whole number of 0 or more", row->name);
    }
    if (row->type == TEXT && (value->type != JSON_STRING || value->u.string.n == 0)) {
        return err_set(err, ERR_INPUT, "to wait: '%s' is no text", row->name);
    }
    if (row->type == WHOLE && value->type == JSON_NUMBER) {
        *value = json_int((int64_t)number);
    }
    return 0;
}

int wait_spec_check(struct json *spec, struct err *err)
{
    static const char *const kinds[] = {"approval", "until", "delay", "file", "url", "target"};
    const char *kind = json_get_text(spec, "kind", "");
    bool known = false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        known = known || strcmp(kinds[i], kind) == 0;
    }
    if (!known) {
        return err_set(err, ERR_INPUT, "it asked to wait for '%s': expected approval, until, delay, file, url or "
                       "target", kind);
    }
    for (size_t i = 0; i < spec->u.object.count; i++) {
        struct json_member *member = &spec->u.object.members[i];
        const struct member_row *row = find_row(kind, member->key);
        if (row == NULL) {
            return unknown_member(kind, member->key, err);
        }
        if (member->value.type != JSON_NULL && check_member(row, &member->value, err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const struct json *value = json_get(spec, rows[i].name);
        if (rows[i].required && is_of(&rows[i], kind) && (value == NULL || value->type == JSON_NULL)) {
            return err_set(err, ERR_INPUT, "to wait for '%s' needs '%s'", kind, rows[i].name);
        }
    }
    return strcmp(kind, "target") == 0 ? targets_check_list(json_get(spec, "targets"), err) : 0;
}
