/* SPDX-License-Identifier: Apache-2.0
 * Arguments, values and directives of a document.
 */
#include "api/graphql/check.h"
#include "api/graphql/input.h"
#include "base/parse.h"

#include <stdio.h>

static void check_object(struct graphql_check *check, const struct graphql_type *type,
                         const struct graphql_value *value)
{
    for (size_t i = 0; i < value->count; i++) {
        const struct graphql_argument *one = &value->fields[i];
        const struct graphql_field *field = graphql_field_of(type->fields, one->name);
        for (size_t j = 0; j < i; j++) {
            if (str_eq(value->fields[j].name, one->name)) {
                graphql_report(check, "There can be only one input field named '%.*s'.", STR_ARG(one->name));
                break;
            }
        }
        if (field == NULL) {
            graphql_report(check, "Field '%.*s' is not defined by type '%s'.%s", STR_ARG(one->name), type->name,
                           graphql_guess(check, type->fields, one->name));
        } else {
            graphql_check_value(check, field, &one->value);
        }
    }
}

static bool has_word(const struct graphql_type *type, struct str name)
{
    for (size_t i = 0; type->words[i] != NULL; i++) {
        if (str_is(name, type->words[i])) {
            return true;
        }
    }
    return false;
}

static void check_word(struct graphql_check *check, const struct graphql_type *type, const struct graphql_value *value)
{
    struct str text = graphql_value_text(value, check->arena);
    if (value->kind != GRAPHQL_VALUE_ENUM) {
        graphql_report(check, "Enum '%s' cannot represent non-enum value: %.*s.", type->name, STR_ARG(text));
    } else if (!has_word(type, value->text)) {
        graphql_report(check, "Value '%.*s' does not exist in '%s' enum.", STR_ARG(text), type->name);
    }
}

static void check_int(struct graphql_check *check, const struct graphql_value *value)
{
    int64_t number = 0;
    struct str text = graphql_value_text(value, check->arena);
    if (value->kind != GRAPHQL_VALUE_INT) {
        graphql_report(check, "Int cannot represent non-integer value: %.*s", STR_ARG(text));
    } else if (parse_int(value->text, INT32_MIN, INT32_MAX, &number, NULL) < 0) {
        graphql_report(check, "Int cannot represent non 32-bit signed integer value: %.*s", STR_ARG(text));
    }
}

static void check_scalar(struct graphql_check *check, const struct graphql_field *type,
                         const struct graphql_value *value)
{
    struct str text = graphql_value_text(value, check->arena);
    int64_t number = 0;
    switch (type->kind) {
    case GRAPHQL_TYPE_STRING:
        if (value->kind != GRAPHQL_VALUE_STRING) {
            graphql_report(check, "String cannot represent a non string value: %.*s", STR_ARG(text));
        }
        break;
    case GRAPHQL_TYPE_BOOL:
        if (value->kind != GRAPHQL_VALUE_BOOL) {
            graphql_report(check, "Boolean cannot represent a non boolean value: %.*s", STR_ARG(text));
        }
        break;
    case GRAPHQL_TYPE_INT:
        check_int(check, value);
        break;
    case GRAPHQL_TYPE_ENUM:
        check_word(check, type->type, value);
        break;
    case GRAPHQL_TYPE_LONG:
        if ((value->kind != GRAPHQL_VALUE_INT && value->kind != GRAPHQL_VALUE_STRING) ||
            parse_int(value->text, INT64_MIN, INT64_MAX, &number, NULL) < 0) {
            graphql_report(check, "Expected value of type 'LongString', found %.*s.", STR_ARG(text));
        }
        break;
    case GRAPHQL_TYPE_FLOAT:
        if (value->kind != GRAPHQL_VALUE_INT && value->kind != GRAPHQL_VALUE_FLOAT) {
            graphql_report(check, "Float cannot represent non numeric value: %.*s", STR_ARG(text));
        }
        break;
    case GRAPHQL_TYPE_INPUT:
    case GRAPHQL_TYPE_OBJECT:
        graphql_report(check, "Expected value of type '%s', found %.*s.", type->type->name, STR_ARG(text));
        break;
    }
}

void graphql_check_value(struct graphql_check *check, const struct graphql_field *type,
                         const struct graphql_value *value)
{
    if (value->kind == GRAPHQL_VALUE_VARIABLE) {
        return; /* check_variables.c */
    }
    if (value->kind == GRAPHQL_VALUE_NULL) {
        if (type->required) {
            graphql_report(check, "Expected value of type '%s', found null.", graphql_type_text(type, check->arena));
        }
        return;
    }
    if (type->list && value->kind == GRAPHQL_VALUE_LIST) {
        struct graphql_field item = *type;
        item.list = item.required = false;
        for (size_t i = 0; i < value->count; i++) {
            graphql_check_value(check, &item, &value->items[i]);
        }
    } else if (type->kind == GRAPHQL_TYPE_INPUT && value->kind == GRAPHQL_VALUE_OBJECT) {
        check_object(check, type->type, value);
    } else {
        check_scalar(check, type, value);
    }
}

static bool is_given(const struct graphql_arguments *given, const char *name)
{
    for (size_t i = 0; i < given->count; i++) {
        if (str_is(given->all[i].name, name)) {
            return true;
        }
    }
    return false;
}

void graphql_check_arguments(struct graphql_check *check, const struct graphql_field *takes,
                             const struct graphql_arguments *given, bool of_directive, const char *on)
{
    for (size_t i = 0; i < given->count; i++) {
        const struct graphql_argument *one = &given->all[i];
        const struct graphql_field *argument = graphql_field_of(takes, one->name);
        for (size_t j = 0; j < i; j++) {
            if (str_eq(given->all[j].name, one->name)) {
                graphql_report(check, "There can be only one argument named '%.*s'.", STR_ARG(one->name));
                break;
            }
        }
        if (argument == NULL) {
            graphql_report(check, "Unknown argument '%.*s' on %s '%s'.%s", STR_ARG(one->name),
                           of_directive ? "directive" : "field", on, graphql_guess(check, takes, one->name));
        } else {
            graphql_check_value(check, argument, &one->value);
        }
    }
    for (; takes != NULL && takes->name != NULL; takes++) {
        if (takes->required && !is_given(given, takes->name)) {
            graphql_report(check, "%s '%s' argument '%s' of type '%s' is required, but it was not provided.",
                           of_directive ? "Directive" : "Field", on, takes->name,
                           graphql_type_text(takes, check->arena));
        }
    }
}

static const char *place_word(unsigned place)
{
    static const char *const words[] = {"query", "mutation",        "subscription",    "fragment definition",
                                        "field", "fragment spread", "inline fragment", "variable definition"};
    size_t i = 0;
    while ((place >> i & 1) == 0) {
        i++;
    }
    return words[i];
}

void graphql_check_directives(struct graphql_check *check, const struct graphql_directives *directives, unsigned place)
{
    for (size_t i = 0; i < directives->count; i++) {
        const struct graphql_directive *one = &directives->all[i];
        const struct graphql_directive_rule *rule = graphql_directive_rule_of(one->name);
        const char *name = arena_printf(check->arena, "@%.*s", STR_ARG(one->name));
        for (size_t j = 0; j < i && rule != NULL; j++) {
            if (str_eq(directives->all[j].name, one->name)) {
                graphql_report(check, "The directive '%s' can only be used once at this location.", name);
                break;
            }
        }
        if (rule == NULL) {
            graphql_report(check, "Unknown directive '%s'.", name);
        } else if ((rule->places & place) == 0) {
            graphql_report(check, "Directive '%s' may not be used on %s.", name, place_word(place));
        } else {
            const struct graphql_field takes[] = {rule->argument, {0}};
            graphql_check_arguments(check, takes, &one->arguments, true, name);
        }
    }
}
