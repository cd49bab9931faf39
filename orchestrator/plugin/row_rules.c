/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/row_rules.h"

static const char *const format_names[] = {NULL, "duration", "size", "threshold", "thresholds", "lua", "percent"};
enum { FORMAT_COUNT = sizeof format_names / sizeof format_names[0] };

const char *plugin_format_name(enum plugin_format format)
{
    return format_names[format];
}

static bool find_format(struct str word, enum plugin_format *ret_format)
{
    for (size_t i = 1; i < FORMAT_COUNT; i++) {
        if (str_is(word, format_names[i])) {
            *ret_format = (enum plugin_format)i;
            return true;
        }
    }
    return false;
}

int row_rules_format(struct str word, enum plugin_format *ret_format, struct err *err)
{
    if (find_format(str_trim(word), ret_format)) {
        return 0;
    }
    return err_set(err, ERR_INPUT,
                   "unknown format '%.*s': expected duration, size, threshold, thresholds, lua or percent",
                   STR_ARG(str_trim(word)));
}

/* Behind a key: the format of its value, or the words that are one. */
static int parse_value(struct str text, struct arena *arena, struct plugin_key *key, struct err *err)
{
    struct str *choices = NULL;
    struct str word = {0};
    size_t room = 0;
    if (str_starts(text, STR("@"))) {
        key->like = arena_str(arena, str_slice(text, 1, text.n));
        return str_is_identifier(key->like) ? 0
                                            : err_set(err, ERR_INPUT, "'%.*s': expected '@' and an input",
                                                      STR_ARG(text));
    }
    if (str_find_byte(text, ',', 0) < 0) {
        return row_rules_format(text, &key->format, err);
    }
    while (str_cut(&text, ',', &word)) {
        choices = arena_grow(arena, choices, key->choice_count, &room, sizeof *choices);
        choices[key->choice_count++] = arena_str(arena, str_trim(word));
    }
    key->choices = choices;
    return 0;
}

static int parse_key(struct str text, struct arena *arena, struct plugin_key *ret_key, struct err *err)
{
    struct str value = text;
    struct str name = {0};
    (void)str_cut(&value, ' ', &name);
    *ret_key = (struct plugin_key){.required = str_ends(name, STR("!")), .begins = str_ends(name, STR("*"))};
    bool marked = ret_key->required || ret_key->begins;
    ret_key->name = arena_str(arena, str_slice(name, 0, name.n - (marked ? 1 : 0)));
    if (ret_key->name.n == 0) {
        return err_set(err, ERR_INPUT, "the rule 'keys' has a key without a name");
    }
    return value.p == NULL ? 0 : parse_value(str_trim(value), arena, ret_key, err);
}

/* "type=classifier&probability" */
static int parse_conditions(struct str text, struct arena *arena, struct plugin_keys *keys, struct err *err)
{
    struct plugin_condition *conditions = NULL;
    struct str part = {0};
    size_t room = 0;
    while (str_cut(&text, '&', &part)) {
        struct str value = str_trim(part);
        struct str input = {0};
        (void)str_cut(&value, '=', &input);
        if (!str_is_identifier(input)) {
            return err_set(err, ERR_INPUT, "the rule 'keys' asks for '%.*s': expected an input", STR_ARG(input));
        }
        conditions = arena_grow(arena, conditions, keys->condition_count, &room, sizeof *conditions);
        conditions[keys->condition_count++] =
            (struct plugin_condition){arena_str(arena, input), arena_str(arena, value)};
    }
    keys->conditions = conditions;
    return 0;
}

int row_rules_keys(struct str rule, struct arena *arena, struct plugin_param *param, struct err *err)
{
    struct plugin_keys list = {0};
    struct plugin_key *keys = NULL;
    struct str rest = str_slice(rule, sizeof "keys" - 1, rule.n);
    struct str part = {0};
    size_t room = 0;
    ptrdiff_t close = str_find(rest, STR("]="));
    if (str_starts(rest, STR("[")) && close < 0) {
        return err_set(err, ERR_INPUT, "the rule 'keys' has no ']=' behind its '['");
    }
    if (close >= 0 && parse_conditions(str_slice(rest, 1, (size_t)close), arena, &list, err) < 0) {
        return -1;
    }
    rest = str_slice(rest, close < 0 ? 1 : (size_t)close + 2, rest.n);
    while (str_cut(&rest, '|', &part)) {
        part = str_trim(part);
        if (part.n == 0) { /* lists that macros make begin with their mark */
            continue;
        }
        keys = arena_grow(arena, keys, list.count, &room, sizeof *keys);
        if (parse_key(part, arena, &keys[list.count++], err) < 0) {
            return -1;
        }
    }
    list.keys = keys;
    struct plugin_keys *all = arena_array(arena, param->keys_count + 1, sizeof *all);
    for (size_t i = 0; i < param->keys_count; i++) {
        all[i] = param->keys[i];
    }
    all[param->keys_count++] = list;
    param->keys = all;
    return 0;
}
