/* SPDX-License-Identifier: Apache-2.0
 * What rows say of the inside of their values: items, keys, formats.
 */
#include "plugin/value_check.h"

#include "base/parse.h"

enum { NAMES_TOLD = 12 };

bool value_is_open(const struct json *value)
{
    return value->type == JSON_STRING && str_find(value->u.string, STR("${{")) >= 0;
}

/* ---- faults -------------------------------------------------------------------------------------------------- */

static void add_fault(const struct value_check *check, struct plugin_fault fault, const char *format, va_list args)
{
    struct plugin_faults *faults = check->faults;
    fault.message = arena_printf(faults->arena, "'%.*s': %s", STR_ARG(check->param->name),
                                 arena_vprintf(faults->arena, format, args));
    faults->items = arena_grow(faults->arena, faults->items, faults->count, &faults->room, sizeof *faults->items);
    faults->items[faults->count++] = fault;
}

void value_fault(const struct value_check *check, const struct json *at, const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_fault(check, (struct plugin_fault){.at = at, .hint = hint}, format, args);
    va_end(args);
}

void value_fault_key(const struct value_check *check, const struct json *at, const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_fault(check, (struct plugin_fault){.at = at, .key = true, .hint = hint}, format, args);
    va_end(args);
}

/* "auc" is one of the words of "roc_auc". */
static bool has_word(struct str name, struct str word)
{
    struct str part = {0};
    while (str_cut(&name, '_', &part)) {
        if (str_eq(part, word)) {
            return true;
        }
    }
    return false;
}

const char *value_hint(struct arena *arena, struct str word, const struct str *names, size_t count)
{
    ptrdiff_t near = str_nearest(word, names, count);
    for (size_t i = 0; near < 0 && i < count; i++) {
        near = has_word(names[i], word) ? (ptrdiff_t)i : -1;
    }
    if (near >= 0) {
        return arena_printf(arena, "did you mean '%.*s'?", STR_ARG(names[near]));
    }
    const char *all = "";
    for (size_t i = 0; i < count && i < NAMES_TOLD; i++) {
        all = arena_printf(arena, "%s%s%.*s", all, i == 0 ? "" : ", ", STR_ARG(names[i]));
    }
    return count == 0 ? NULL : arena_printf(arena, "expected one of %s%s", all, count > NAMES_TOLD ? ", ..." : "");
}

/* ---- conditions on other inputs -------------------------------------------------------------------------------- */

/* The value that the input has, or NULL: by its default, too. */
static const struct json *input_value(const struct value_check *check, struct str name)
{
    const struct plugin_param *other = plugin_find_param(check->plugin, name);
    const struct json *value = json_get_str(check->values, name);
    if (value != NULL && value->type != JSON_NULL) {
        return value;
    }
    return other != NULL && other->has_default ? &other->def : NULL;
}

/* False only when it is known: an expression may give anything, and what its own row refuses is told there. */
static bool may_hold(const struct value_check *check, const struct plugin_condition *condition)
{
    const struct plugin_param *other = plugin_find_param(check->plugin, condition->input);
    const struct json *value = input_value(check, condition->input);
    if (value == NULL) {
        return condition->value.n > 0 && other != NULL && other->required; /* its row tells that it is missing */
    }
    if (condition->value.n == 0 || value->type != JSON_STRING || value_is_open(value)) {
        return true;
    }
    bool known = other == NULL || other->choice_count == 0;
    for (size_t i = 0; !known && i < other->choice_count; i++) {
        known = str_eq(other->choices[i], value->u.string);
    }
    return !known || str_eq(value->u.string, condition->value);
}

static const struct plugin_condition *broken_condition(const struct value_check *check, const struct plugin_keys *list)
{
    for (size_t i = 0; i < list->condition_count; i++) {
        if (!may_hold(check, &list->conditions[i])) {
            return &list->conditions[i];
        }
    }
    return NULL;
}

/* ---- keys ------------------------------------------------------------------------------------------------------ */

static bool is_named(const struct plugin_key *key, struct str name)
{
    return key->begins ? str_starts(name, key->name) && name.n > key->name.n : str_eq(key->name, name);
}

static const struct plugin_key *key_of(const struct plugin_keys *list, struct str name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (is_named(&list->keys[i], name)) {
            return &list->keys[i];
        }
    }
    return NULL;
}

static const char *near_key(const struct value_check *check, struct str name)
{
    struct str *names = NULL;
    size_t count = 0;
    size_t room = 0;
    for (size_t i = 0; i < check->param->keys_count; i++) {
        const struct plugin_keys *list = &check->param->keys[i];
        for (size_t k = 0; broken_condition(check, list) == NULL && k < list->count; k++) {
            if (!list->keys[k].begins) {
                names = arena_grow(check->faults->arena, names, count, &room, sizeof *names);
                names[count++] = list->keys[k].name;
            }
        }
    }
    return value_hint(check->faults->arena, name, names, count);
}

static void refuse_key(const struct value_check *check, struct str name, const struct plugin_condition *broken,
                       const struct json *member)
{
    if (broken == NULL) {
        value_fault_key(check, member, near_key(check, name), "there is no '%.*s'", STR_ARG(name));
        return;
    }
    const struct json *value = input_value(check, broken->input);
    if (broken->value.n == 0) {
        value_fault_key(check, member, NULL, "'%.*s' needs the input '%.*s'", STR_ARG(name), STR_ARG(broken->input));
    } else if (value == NULL) {
        value_fault_key(check, member, NULL, "'%.*s' needs '%.*s: %.*s'", STR_ARG(name), STR_ARG(broken->input),
                        STR_ARG(broken->value));
    } else {
        value_fault_key(check, member, near_key(check, name), "'%.*s' needs '%.*s: %.*s', but it is '%.*s'",
                        STR_ARG(name), STR_ARG(broken->input), STR_ARG(broken->value), STR_ARG(value->u.string));
    }
}

const struct plugin_key *value_key(const struct value_check *check, struct str name, const struct json *member)
{
    const struct plugin_condition *broken = NULL;
    for (size_t i = 0; i < check->param->keys_count; i++) {
        const struct plugin_keys *list = &check->param->keys[i];
        const struct plugin_key *key = key_of(list, name);
        const struct plugin_condition *first = key == NULL ? NULL : broken_condition(check, list);
        if (key != NULL && first == NULL) {
            return key;
        }
        broken = broken == NULL ? first : broken;
    }
    if (check->param->keys_count > 0) {
        refuse_key(check, name, broken, member);
    }
    return NULL;
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

static void check_format(const struct value_check *check, enum plugin_format format, struct str of,
                         const struct json *value)
{
    struct err err = {0};
    int64_t number = 0;
    bool duration = format == PLUGIN_FORMAT_DURATION;
    if (format == PLUGIN_FORMAT_THRESHOLD) {
        threshold_check_text(check, of, value);
        return;
    }
    bool percent = format == PLUGIN_FORMAT_PERCENT;
    if ((!duration && !percent && format != PLUGIN_FORMAT_SIZE) || value_is_open(value)) {
        return;
    }
    const char *name = of.n == 0 ? "" : arena_printf(check->faults->arena, "'%.*s': ", STR_ARG(of));
    if (percent) {
        double part = 0;
        if (!json_as_number(value, &part) || !(part > 0 && part <= 100)) {
            value_fault(check, value, NULL, "%sexpected a number of percent, above 0 and up to 100, found %s", name,
                        json_text(check->faults->arena, value).p);
        }
        return;
    }
    if (value->type != JSON_STRING) {
        value_fault(check, value, NULL, "%sexpected a text like %s, found %s", name, duration ? "30s" : "512M",
                    json_text(check->faults->arena, value).p);
    } else if ((duration ? parse_duration_ms : parse_size_bytes)(value->u.string, &number, &err) < 0) {
        value_fault(check, value, NULL, "%s%s", name, err.message);
    }
}

static void check_choice(const struct value_check *check, const struct plugin_key *key, const struct json *value)
{
    for (size_t i = 0; i < key->choice_count; i++) {
        if (value->type == JSON_STRING && str_eq(key->choices[i], value->u.string)) {
            return;
        }
    }
    if (key->choice_count > 0 && !value_is_open(value)) {
        struct str text = json_text(check->faults->arena, value);
        struct str word = value->type == JSON_STRING ? value->u.string : text;
        value_fault(check, value, value_hint(check->faults->arena, word, key->choices, key->choice_count),
                    "'%.*s' cannot be %.*s", STR_ARG(key->name), STR_ARG(text));
    }
}

static const char *joined(struct arena *arena, const struct str *words, size_t count)
{
    const char *all = "";
    for (size_t i = 0; i < count; i++) {
        all = arena_printf(arena, "%s%s'%.*s'", all, i == 0 ? "" : i + 1 == count ? " and " : ", ", STR_ARG(words[i]));
    }
    return all;
}

/* `one=`: nothing is known of a map whose key is there with null. */
static void check_one_of(const struct value_check *check, const struct json *map)
{
    size_t there = 0;
    for (size_t i = 0; i < check->param->one_of_count; i++) {
        const struct json *value = json_get_str(map, check->param->one_of[i]);
        there += value != NULL && value->type != JSON_NULL ? 1 : 0;
    }
    if (check->param->one_of_count > 0 && there != 1) {
        value_fault(check, map, NULL, "expected exactly one of %s",
                    joined(check->faults->arena, check->param->one_of, check->param->one_of_count));
    }
}

/* A value that follows the rules of another input. */
static void check_like(const struct value_check *check, const struct plugin_key *key, const struct json *value)
{
    const struct plugin_param *other = plugin_find_param(check->plugin, key->like);
    if (other == NULL || value_is_open(value)) {
        return;
    }
    if (other->shapes != 0 && (other->shapes & (1u << value->type)) == 0) {
        value_fault(check, value, NULL, "'%.*s': expected what the input '%.*s' takes, found %.*s", STR_ARG(key->name),
                    STR_ARG(other->name), STR_ARG(json_text(check->faults->arena, value)));
        return;
    }
    plugin_value_faults(check->plugin, other, value, check->values, check->faults);
}

static void check_keys(const struct value_check *check, const struct json *map)
{
    check_one_of(check, map);
    for (size_t i = 0; i < map->u.object.count; i++) {
        const struct json_member *member = &map->u.object.members[i];
        const struct plugin_key *key = value_key(check, member->key, &member->value);
        if (key != NULL && member->value.type != JSON_NULL) {
            check_choice(check, key, &member->value);
            check_format(check, key->format, key->name, &member->value);
            check_like(check, key, &member->value);
        }
    }
    for (size_t i = 0; i < check->param->keys_count; i++) {
        const struct plugin_keys *list = &check->param->keys[i];
        bool asked = broken_condition(check, list) == NULL && list->condition_count == 0;
        for (size_t k = 0; asked && k < list->count; k++) {
            if (list->keys[k].required && json_get_str(map, list->keys[k].name) == NULL) {
                value_fault(check, map, NULL, "its '%.*s' is missing", STR_ARG(list->keys[k].name));
            }
        }
    }
}

/* `rises=`: items without the key, and those that are no numbers, are passed over. */
static void check_rises(const struct value_check *check, const struct json *list)
{
    double last = 0;
    double number = 0;
    bool any = false;
    for (size_t i = 0; check->param->rises.n > 0 && i < list->u.array.count; i++) {
        const struct json *value = json_get_str(&list->u.array.items[i], check->param->rises);
        if (value == NULL || !json_as_number(value, &number)) {
            continue;
        }
        if (any && number <= last) {
            value_fault(check, value, NULL, "item %zu: '%.*s' must be more than the %g before it, found %g", i + 1,
                        STR_ARG(check->param->rises), last, number);
        }
        any = true;
        last = number;
    }
}

static void check_items(const struct value_check *check, const struct json *list)
{
    static const char *const names[] = {"null", "true or false", "an integer", "a number", "text", "a list", "a map"};
    const char *allowed = "";
    for (unsigned t = 0; t < sizeof names / sizeof names[0]; t++) {
        bool number = t == JSON_INT && (check->param->item_shapes & (1u << JSON_NUMBER)) != 0; /* it is one, too */
        if ((check->param->item_shapes & (1u << t)) != 0 && !number) {
            allowed = arena_printf(check->faults->arena, "%s%s%s", allowed, *allowed == '\0' ? "" : " or ", names[t]);
        }
    }
    for (size_t i = 0; i < list->u.array.count; i++) {
        const struct json *item = &list->u.array.items[i];
        if (!value_is_open(item) && (check->param->item_shapes & (1u << item->type)) == 0) {
            value_fault(check, item, NULL, "item %zu: expected %s, found %.*s", i + 1, allowed,
                        STR_ARG(json_text(check->faults->arena, item)));
        } else if (item->type == JSON_OBJECT && (check->param->keys_count > 0 || check->param->one_of_count > 0)) {
            check_keys(check, item);
        }
    }
    check_rises(check, list);
}

void plugin_value_faults(const struct plugin *plugin, const struct plugin_param *param, const struct json *value,
                         const struct json *values, struct plugin_faults *faults)
{
    const struct value_check check = {plugin, param, values, faults};
    if (value->type == JSON_OBJECT && param->format == PLUGIN_FORMAT_THRESHOLDS) {
        threshold_check_map(&check, value);
    } else if (value->type == JSON_OBJECT && param->keys_count > 0) {
        check_keys(&check, value);
    } else if (value->type == JSON_ARRAY && param->item_shapes != 0) {
        check_items(&check, value);
    } else if (value->type != JSON_OBJECT && value->type != JSON_ARRAY && value->type != JSON_NULL) {
        check_format(&check, param->format, STR(""), value);
    }
}
