/* SPDX-License-Identifier: Apache-2.0
 * Values of `with:` against a plugin's rows: types, ranges, choices, defaults.
 */
#include "base/parse.h"
#include "plugin/catalogue.h"

#include <math.h>

struct check {
    const struct plugin_param *param;
    struct arena *arena;
    struct err *err;
};

static int wrong(const struct check *check, const char *expected, const struct json *value)
{
    struct str text = json_text(check->arena, value);
    return err_set(check->err, ERR_INPUT, "'%.*s': expected %s, found %.*s", STR_ARG(check->param->name), expected,
                   STR_ARG(text));
}

static int check_range(const struct check *check, double number, const struct json *value)
{
    const struct plugin_param *param = check->param;
    if ((param->has_min && number < param->min) || (param->has_max && number > param->max)) {
        const char *bounds = !param->has_max   ? arena_printf(check->arena, "at least %g", param->min)
                             : !param->has_min ? arena_printf(check->arena, "at most %g", param->max)
                                               : arena_printf(check->arena, "from %g to %g", param->min, param->max);
        return wrong(check, arena_printf(check->arena, "a number %s", bounds), value);
    }
    return 0;
}

static int check_text(const struct check *check, const struct json *value, struct json *ret)
{
    const struct plugin_param *param = check->param;
    *ret = *value;
    if (value->type == JSON_INT || value->type == JSON_NUMBER || value->type == JSON_BOOL) {
        *ret = json_string(check->arena, json_text(check->arena, value));
    } else if (value->type != JSON_STRING) {
        return wrong(check, "text", value);
    }
    if (ret->u.string.n < param->min_length) {
        return wrong(check, "text that is not empty", value);
    }
    if (param->choice_count == 0) {
        return 0;
    }
    const char *names = "";
    for (size_t i = 0; i < param->choice_count; i++) {
        if (str_eq(param->choices[i], ret->u.string)) {
            return 0;
        }
        names = arena_printf(check->arena, "%s%s%.*s", names, i == 0 ? "" : ", ", STR_ARG(param->choices[i]));
    }
    return wrong(check, arena_printf(check->arena, "one of %s", names), value);
}

/* Durations and sizes come as text with a unit, or as a number of ms or bytes. */
static int check_measure(const struct check *check, const struct json *value, struct json *ret)
{
    bool duration = check->param->type == PLUGIN_DURATION;
    int64_t number = 0;
    struct err err = {0};
    if (value->type == JSON_INT) {
        number = value->u.integer;
    } else if (value->type != JSON_STRING) {
        return wrong(check, duration ? "a duration like 30s" : "a size like 512M", value);
    } else if ((duration ? parse_duration_ms : parse_size_bytes)(value->u.string, &number, &err) < 0) {
        return err_set(check->err, ERR_INPUT, "'%.*s': %s", STR_ARG(check->param->name), err.message);
    }
    *ret = json_int(number);
    return check_range(check, (double)number, value);
}

static int check_number(const struct check *check, const struct json *value, struct json *ret)
{
    bool integer = check->param->type == PLUGIN_INT;
    double number = NAN;
    int64_t whole = 0;
    *ret = *value;
    /* An output of a script is text unless it was declared otherwise: a number in text is one. */
    if (value->type == JSON_STRING && integer && parse_int(value->u.string, INT64_MIN, INT64_MAX, &whole, NULL) == 0) {
        *ret = json_int(whole);
    } else if (value->type == JSON_STRING && !integer && parse_number(value->u.string, &number, NULL) == 0) {
        *ret = json_number(number);
    } else if (value->type == JSON_NUMBER && integer && value->u.number == floor(value->u.number) &&
               fabs(value->u.number) < 9e15) {
        *ret = json_int((int64_t)value->u.number);
    }
    if (!json_as_number(ret, &number) || (integer && ret->type != JSON_INT)) {
        return wrong(check, integer ? "an integer" : "a number", value);
    }
    return check_range(check, number, value);
}

static int check_value(const struct check *check, const struct json *value, struct json *ret)
{
    switch (check->param->type) {
    case PLUGIN_STRING:
    case PLUGIN_PATH:
        return check_text(check, value, ret);
    case PLUGIN_BOOL:
        *ret = *value;
        return value->type == JSON_BOOL ? 0 : wrong(check, "true or false", value);
    case PLUGIN_INT:
    case PLUGIN_NUMBER:
        return check_number(check, value, ret);
    case PLUGIN_DURATION:
    case PLUGIN_SIZE:
        return check_measure(check, value, ret);
    case PLUGIN_ANY:
        break;
    }
    *ret = *value;
    if (value->type == JSON_ARRAY && value->u.array.count < check->param->min_length) {
        return wrong(check, arena_printf(check->arena, "at least %zu item%s", check->param->min_length,
                                         check->param->min_length == 1 ? "" : "s"), value);
    }
    if (check->param->shapes != 0 && (check->param->shapes & (1u << value->type)) == 0) {
        static const char *const names[] = {"null", "true or false", "an integer", "a number",
                                            "text", "a list",        "a map"};
        const char *allowed = "";
        for (unsigned t = 0; t < 7; t++) {
            if ((check->param->shapes & (1u << t)) != 0) {
                allowed = arena_printf(check->arena, "%s%s%s", allowed, *allowed == '\0' ? "" : " or ", names[t]);
            }
        }
        return wrong(check, allowed, value);
    }
    return 0;
}

static void add_message(struct arena *arena, const char **all, const char *message)
{
    *all = **all == '\0' ? message : arena_printf(arena, "%s; %s", *all, message);
}

static const char *unknown_message(const struct plugin *plugin, struct str name, struct arena *arena)
{
    struct str *names = arena_array(arena, plugin->param_count, sizeof *names);
    for (size_t i = 0; i < plugin->param_count; i++) {
        names[i] = plugin->params[i].name;
    }
    ptrdiff_t near = str_nearest(name, names, plugin->param_count);
    return near >= 0 ? arena_printf(arena, "'%.*s' has no input '%.*s': did you mean '%.*s'?", STR_ARG(plugin->name),
                                    STR_ARG(name), STR_ARG(names[near]))
                     : arena_printf(arena, "'%.*s' has no input '%.*s'", STR_ARG(plugin->name), STR_ARG(name));
}

/* What the row says of the inside of a value. */
static void add_inner_problems(const struct plugin *plugin, const struct plugin_param *param, const struct json *value,
                               const struct json *values, struct arena *arena, const char **problems)
{
    struct plugin_faults faults = {.arena = arena};
    plugin_value_faults(plugin, param, value, values, &faults);
    for (size_t i = 0; i < faults.count; i++) {
        const struct plugin_fault *fault = &faults.items[i];
        add_message(arena, problems,
                    fault->hint == NULL ? fault->message : arena_printf(arena, "%s (%s)", fault->message, fault->hint));
    }
}

int plugin_params_complete(const struct plugin *plugin, const struct json *values, struct arena *arena,
                           struct json *ret, struct err *err)
{
    const char *problems = "";
    struct json complete = json_object();
    if (values->type != JSON_OBJECT && values->type != JSON_NULL) {
        return err_set(err, ERR_INPUT, "'with': expected a map, found %s", json_type_name(values->type));
    }
    for (size_t i = 0; values->type == JSON_OBJECT && i < values->u.object.count; i++) {
        if (plugin_find_param(plugin, values->u.object.members[i].key) == NULL) {
            add_message(arena, &problems, unknown_message(plugin, values->u.object.members[i].key, arena));
        }
    }
    for (size_t i = 0; i < plugin->param_count; i++) {
        const struct plugin_param *param = &plugin->params[i];
        const struct json *value = json_get_str(values, param->name);
        struct err wrong_value = {0};
        struct check check = {.param = param, .arena = arena, .err = &wrong_value};
        struct json typed = json_null();
        /* A null of type ANY is a value of its own (`expect: null`); elsewhere it is as if absent. */
        bool absent = value == NULL || (value->type == JSON_NULL && (param->type != PLUGIN_ANY || param->required));
        if (absent && param->required) {
            add_message(arena, &problems, arena_printf(arena, "'%.*s' is missing", STR_ARG(param->name)));
        } else if (absent && param->has_default) {
            json_set(arena, &complete, param->name.p, param->def);
        } else if (!absent && value->type == JSON_NULL) {
            json_set(arena, &complete, param->name.p, json_null());
        } else if (!absent && check_value(&check, value, &typed) < 0) {
            add_message(arena, &problems, arena_strdup(arena, wrong_value.message));
        } else if (!absent) {
            json_set(arena, &complete, param->name.p, typed);
            add_inner_problems(plugin, param, value, values, arena, &problems);
        }
    }
    if (*problems != '\0') {
        return err_set(err, ERR_INPUT, "%s", problems);
    }
    *ret = complete;
    return 0;
}
