/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/expr_functions.h"

#include <stdio.h>
#include <time.h>

struct call {
    const struct json *args;
    size_t count;
    const struct expr_env *env;
    struct arena *arena;
    struct err *err;
};

const struct expr_function expr_functions[] = {
    {"contains", 2, 2, false, "Whether a string has a part, or a list an item: contains(steps.a.outputs.tags, 'x')."},
    {"startsWith", 2, 2, false, "Whether a string begins with another; case counts."},
    {"endsWith", 2, 2, false, "Whether a string ends with another; case counts."},
    {"format", 1, -1, false, "Text with {0}, {1}, ... replaced by the further arguments; {{ and }} are braces."},
    {"join", 1, 2, false, "The items of a list with a separator between them, ',' by default."},
    {"toJSON", 1, 1, false, "The value as JSON text."},
    {"fromJSON", 1, 1, false, "The value that JSON text means; what is no text stays as it is."},
    {"hashFiles", 1, -1, false,
     "SHA-256 over the names and contents of the files that match the globs, below the workspace."},
    {"date", 0, 1, false, "The start of the run in UTC, as strftime's format says; RFC 3339 by default."},
    {"success", 0, 0, true, "Whether every need succeeded, or was skipped where that is accepted."},
    {"failure", 0, 0, true, "Whether a need failed, or something before it did."},
    {"always", 0, 0, true, "True, also after a cancel or a timeout."},
    {"cancelled", 0, 0, true, "Whether the run is being cancelled."},
};
const size_t expr_function_count = sizeof expr_functions / sizeof expr_functions[0];

const struct expr_function *expr_function_find(struct str name)
{
    for (size_t i = 0; i < expr_function_count; i++) {
        if (str_is(name, expr_functions[i].name)) {
            return &expr_functions[i];
        }
    }
    return NULL;
}

static int need_string(const struct call *call, size_t index)
{
    return call->args[index].type == JSON_STRING
             ? 0
             : err_set(call->err, ERR_INPUT, "expected a string as argument %zu, found %s", index + 1,
                       json_type_name(call->args[index].type));
}

static int call_contains(const struct call *call, struct json *ret)
{
    const struct json *in = &call->args[0];
    *ret = json_bool(false);
    for (size_t i = 0; in->type == JSON_ARRAY && i < in->u.array.count; i++) {
        if (json_equal(&in->u.array.items[i], &call->args[1])) {
            *ret = json_bool(true);
        }
    }
    if (in->type == JSON_ARRAY) {
        return 0;
    }
    if (need_string(call, 0) < 0 || need_string(call, 1) < 0) {
        return -1;
    }
    *ret = json_bool(str_find(in->u.string, call->args[1].u.string) >= 0);
    return 0;
}

static int call_starts(const struct call *call, struct json *ret)
{
    if (need_string(call, 0) < 0 || need_string(call, 1) < 0) {
        return -1;
    }
    *ret = json_bool(str_starts(call->args[0].u.string, call->args[1].u.string));
    return 0;
}

static int call_ends(const struct call *call, struct json *ret)
{
    if (need_string(call, 0) < 0 || need_string(call, 1) < 0) {
        return -1;
    }
    *ret = json_bool(str_ends(call->args[0].u.string, call->args[1].u.string));
    return 0;
}

static int add_scalar(const struct call *call, struct strbuf *text, const struct json *value)
{
    if (value->type == JSON_STRING) {
        strbuf_add_str(text, value->u.string);
        return 0;
    }
    if (value->type == JSON_ARRAY || value->type == JSON_OBJECT || value->type == JSON_NULL) {
        return err_set(call->err, ERR_INPUT, "%s cannot become text: use toJSON()", json_type_name(value->type));
    }
    json_write(text, value);
    return 0;
}

/* What was put together becomes the result, unless that failed; releases the buffer. */
static int take_text(const struct call *call, struct strbuf *text, int result, struct json *ret)
{
    if (result == 0 && text->overflow) {
        result = err_set(call->err, ERR_LIMIT, "the text is larger than 16 MiB");
    }
    if (result == 0) {
        *ret = json_string(call->arena, strbuf_str(text));
    }
    strbuf_clear(text);
    return result;
}

/* One "{N}" at `at`: its length, 0 when it is none, -1 on errors. */
static int format_place(const struct call *call, struct str pattern, size_t at, struct strbuf *text)
{
    size_t end = at + 1;
    size_t number = 0;
    while (end < pattern.n && pattern.p[end] >= '0' && pattern.p[end] <= '9' && end - at < 6) {
        number = number * 10 + (size_t)(pattern.p[end] - '0');
        end++;
    }
    if (end == at + 1 || end >= pattern.n || pattern.p[end] != '}') {
        return err_set(call->err, ERR_INPUT, "a '{' is written '{{', a place '{0}'");
    }
    if (number + 1 >= call->count) {
        return err_set(call->err, ERR_INPUT, "'{%zu}' has no argument", number);
    }
    return add_scalar(call, text, &call->args[number + 1]) < 0 ? -1 : (int)(end - at + 1);
}

static int call_format(const struct call *call, struct json *ret)
{
    if (need_string(call, 0) < 0) {
        return -1;
    }
    struct str pattern = call->args[0].u.string;
    struct strbuf text;
    strbuf_init(&text, EXPR_TEXT_MAX);
    int result = 0;
    for (size_t i = 0; i < pattern.n && result >= 0;) {
        char c = pattern.p[i];
        bool doubled = i + 1 < pattern.n && pattern.p[i + 1] == c && (c == '{' || c == '}');
        if (c == '{' && !doubled) {
            result = format_place(call, pattern, i, &text);
            i += result > 0 ? (size_t)result : 0;
            continue;
        }
        strbuf_add_byte(&text, c);
        i += doubled ? 2 : 1;
    }
    return take_text(call, &text, result < 0 ? -1 : 0, ret);
}

static int call_join(const struct call *call, struct json *ret)
{
    const struct json *list = &call->args[0];
    if (list->type != JSON_ARRAY || (call->count == 2 && need_string(call, 1) < 0)) {
        return err_set(call->err, ERR_INPUT, "expected a list and a separator");
    }
    struct strbuf text;
    strbuf_init(&text, EXPR_TEXT_MAX);
    int result = 0;
    for (size_t i = 0; i < list->u.array.count && result == 0; i++) {
        if (i > 0) {
            strbuf_add_str(&text, call->count == 2 ? call->args[1].u.string : STR(","));
        }
        result = add_scalar(call, &text, &list->u.array.items[i]);
    }
    return take_text(call, &text, result, ret);
}

static int call_to_json(const struct call *call, struct json *ret)
{
    struct strbuf text;
    strbuf_init(&text, EXPR_TEXT_MAX);
    json_write(&text, &call->args[0]);
    return take_text(call, &text, 0, ret);
}

static int call_from_json(const struct call *call, struct json *ret)
{
    /* An output that was declared as json, list or map is a value already. */
    if (call->args[0].type != JSON_STRING) {
        *ret = call->args[0];
        return 0;
    }
    return json_read(call->args[0].u.string, (struct json_limits){0}, call->arena, ret, call->err);
}

static int call_hash_files(const struct call *call, struct json *ret)
{
    struct str *globs = arena_array(call->arena, call->count, sizeof *globs);
    for (size_t i = 0; i < call->count; i++) {
        if (need_string(call, i) < 0) {
            return -1;
        }
        globs[i] = call->args[i].u.string;
    }
    if (call->env->hash_files == NULL) {
        return err_set(call->err, ERR_INPUT, "it is not available here");
    }
    return call->env->hash_files(call->env->ctx, globs, call->count, call->arena, ret, call->err);
}

static int call_date(const struct call *call, struct json *ret)
{
    char room[256];
    struct tm utc;
    time_t seconds = (time_t)(call->env->now_ms / 1000);
    if (call->count == 1 && need_string(call, 0) < 0) {
        return -1;
    }
    const char *format = call->count == 1 ? call->args[0].u.string.p : "%Y-%m-%dT%H:%M:%SZ";
    if (gmtime_r(&seconds, &utc) == NULL || (strftime(room, sizeof room, format, &utc) == 0 && *format != '\0')) {
        return err_set(call->err, ERR_INPUT, "the format gives nothing, or more than 255 bytes");
    }
    *ret = json_cstring(call->arena, *format == '\0' ? "" : room);
    return 0;
}

int expr_function_call(struct str name, const struct json *args, size_t count, const struct expr_env *env,
                       struct arena *arena, struct json *ret, struct err *err)
{
    static const struct {
        const char *name;
        int (*call)(const struct call *call, struct json *ret);
    } bodies[] = {{"contains", call_contains},  {"startsWith", call_starts},
                  {"endsWith", call_ends},      {"format", call_format},
                  {"join", call_join},          {"toJSON", call_to_json},
                  {"fromJSON", call_from_json}, {"hashFiles", call_hash_files},
                  {"date", call_date}};
    const struct expr_function *row = expr_function_find(name);
    struct call call = {.args = args, .count = count, .env = env, .arena = arena, .err = err};
    if (row == NULL || count < (size_t)row->min_args || (row->max_args >= 0 && count > (size_t)row->max_args)) {
        return err_set(err, ERR_INPUT,
                       row == NULL ? "there is no such function" : "it takes another number of arguments");
    }
    if (row->is_status) {
        if (env->status == NULL) {
            return err_set(err, ERR_INPUT, "it can stand in 'if' only");
        }
        *ret = json_bool(env->status(env->ctx, name));
        return 0;
    }
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        if (str_is(name, bodies[i].name)) {
            return bodies[i].call(&call, ret);
        }
    }
    return err_set(err, ERR_INTERNAL, "it has no body");
}
