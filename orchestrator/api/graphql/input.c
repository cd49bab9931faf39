/* SPDX-License-Identifier: Apache-2.0 */
#include "api/graphql/input.h"

#include "base/parse.h"

#include <stdlib.h>

enum { SHOWN_MAX = 200 };

/* ---- as text ---------------------------------------------------------------------------------------------------- */

static void write_value(struct strbuf *out, const struct graphql_value *value)
{
    const char *marks = value->kind == GRAPHQL_VALUE_LIST ? "[]" : "{}";
    if (value->kind == GRAPHQL_VALUE_STRING) {
        json_write_string(out, value->text);
        return;
    }
    if (value->kind != GRAPHQL_VALUE_LIST && value->kind != GRAPHQL_VALUE_OBJECT) {
        strbuf_add_text(out, value->kind == GRAPHQL_VALUE_VARIABLE ? "$" : "");
        strbuf_add_str(out, value->text);
        return;
    }
    strbuf_add_byte(out, marks[0]);
    for (size_t i = 0; i < value->count; i++) {
        strbuf_add_text(out, i == 0 ? "" : ", ");
        if (value->fields != NULL) {
            strbuf_add_str(out, value->fields[i].name);
            strbuf_add_text(out, ": ");
        }
        write_value(out, value->fields != NULL ? &value->fields[i].value : &value->items[i]);
    }
    strbuf_add_byte(out, marks[1]);
}

struct str graphql_value_text(const struct graphql_value *value, struct arena *arena)
{
    struct strbuf out;
    strbuf_init(&out, 16 * GRAPHQL_BYTES_MAX);
    write_value(&out, value);
    struct str text = arena_str(arena, strbuf_str(&out));
    strbuf_clear(&out);
    return text;
}

/* ---- values of the document ------------------------------------------------------------------------------------- */

static struct json scalar_json(const struct graphql_value *value, struct arena *arena)
{
    int64_t integer = 0;
    switch (value->kind) {
    case GRAPHQL_VALUE_INT:
        if (parse_int(value->text, INT64_MIN, INT64_MAX, &integer, NULL) == 0) {
            return json_int(integer);
        }
        return json_number(strtod(arena_str(arena, value->text).p, NULL));
    case GRAPHQL_VALUE_FLOAT:
        return json_number(strtod(arena_str(arena, value->text).p, NULL));
    case GRAPHQL_VALUE_BOOL:
        return json_bool(str_is(value->text, "true"));
    case GRAPHQL_VALUE_STRING:
    case GRAPHQL_VALUE_ENUM:
        return json_string(arena, value->text);
    case GRAPHQL_VALUE_NULL:
    case GRAPHQL_VALUE_VARIABLE:
    case GRAPHQL_VALUE_LIST:
    case GRAPHQL_VALUE_OBJECT:
        break;
    }
    return json_null();
}

static struct json list_json(const struct graphql_field *type, const struct graphql_value *value,
                             const struct json *variables, struct arena *arena)
{
    struct graphql_field item = *type;
    struct json list = json_array();
    struct json one;
    item.list = false;
    if (value->kind != GRAPHQL_VALUE_LIST) { /* one value stands for a list of it */
        (void)graphql_value_json(&item, value, variables, arena, &one);
        json_push(arena, &list, one);
        return list;
    }
    for (size_t i = 0; i < value->count; i++) {
        (void)graphql_value_json(&item, &value->items[i], variables, arena, &one); /* null without a value */
        json_push(arena, &list, one);
    }
    return list;
}

static struct json object_json(const struct graphql_field *fields, const struct graphql_argument *given, size_t count,
                               const struct json *variables, struct arena *arena)
{
    struct json object = json_object();
    for (size_t i = 0; i < count; i++) {
        struct json one;
        const struct graphql_field *field = graphql_field_of(fields, given[i].name);
        if (field != NULL && graphql_value_json(field, &given[i].value, variables, arena, &one)) {
            json_set(arena, &object, field->name, one);
        }
    }
    return object;
}

bool graphql_value_json(const struct graphql_field *type, const struct graphql_value *value,
                        const struct json *variables, struct arena *arena, struct json *ret)
{
    *ret = json_null();
    if (value->kind == GRAPHQL_VALUE_VARIABLE) {
        const struct json *found = json_get_str(variables, value->text);
        *ret = found == NULL ? *ret : *found;
        return found != NULL;
    }
    if (value->kind == GRAPHQL_VALUE_NULL) {
        return true;
    }
    if (type->list) {
        *ret = list_json(type, value, variables, arena);
    } else if (type->kind == GRAPHQL_TYPE_INPUT) {
        *ret = object_json(type->type->fields, value->fields, value->count, variables, arena);
    } else {
        *ret = scalar_json(value, arena);
    }
    return true;
}

struct json graphql_arguments_json(const struct graphql_field *takes, const struct graphql_arguments *given,
                                   const struct json *variables, struct arena *arena)
{
    return object_json(takes, given->all, given->count, variables, arena);
}

/* ---- variables -------------------------------------------------------------------------------------------------- */

/* Where in a variable's value one is: for messages. */
struct place {
    const char *variable, *path; /* the path begins with the variable's name */
    struct arena *arena;
};

static struct str shown(const struct json *value, struct arena *arena)
{
    return str_slice(json_text(arena, value), 0, SHOWN_MAX);
}

static int refuse(const struct place *place, const struct json *value, struct err *err, const char *why)
{
    bool below = strcmp(place->variable, place->path) != 0;
    struct str text = shown(value, place->arena);
    return err_set(err, ERR_INPUT, "Variable '$%s' got invalid value %.*s%s%s%s; %s", place->variable, STR_ARG(text),
                   below ? " at '" : "", below ? place->path : "", below ? "'" : "", why);
}

static int coerce(const struct place *place, const struct graphql_field *type, const struct json *value,
                  struct json *ret, struct err *err);

static const char *wrong_scalar(const struct graphql_field *type, const struct json *value, struct arena *arena)
{
    struct str text = shown(value, arena);
    switch (type->kind) {
    case GRAPHQL_TYPE_STRING:
        return arena_printf(arena, "String cannot represent a non string value: %.*s", STR_ARG(text));
    case GRAPHQL_TYPE_BOOL:
        return arena_printf(arena, "Boolean cannot represent a non boolean value: %.*s", STR_ARG(text));
    case GRAPHQL_TYPE_INT:
        return arena_printf(arena, "Int cannot represent non-integer value: %.*s", STR_ARG(text));
    case GRAPHQL_TYPE_ENUM:
        return value->type == JSON_STRING
                   ? arena_printf(arena, "Value '%.*s' does not exist in '%s' enum.", STR_ARG(value->u.string),
                                  type->type->name)
                   : arena_printf(arena, "Enum '%s' cannot represent non-string value: %.*s.", type->type->name,
                                  STR_ARG(text));
    case GRAPHQL_TYPE_INPUT:
        return arena_printf(arena, "Expected type '%s' to be a mapping.", type->type->name);
    case GRAPHQL_TYPE_FLOAT:
    case GRAPHQL_TYPE_LONG:
    case GRAPHQL_TYPE_OBJECT:
        break;
    }
    return arena_printf(arena, "Expected type '%s'.", graphql_type_text(type, arena));
}

static bool is_integer(const struct json *value, int64_t *ret)
{
    if (value->type == JSON_INT) {
        *ret = value->u.integer;
        return true;
    }
    double number = value->type == JSON_NUMBER ? value->u.number : 0.5;
    bool whole = number >= -9e15 && number <= 9e15 && number == (double)(int64_t)number;
    *ret = whole ? (int64_t)number : 0;
    return whole;
}

static bool is_word(const struct graphql_type *type, const struct json *value)
{
    for (size_t i = 0; value->type == JSON_STRING && type->words[i] != NULL; i++) {
        if (str_is(value->u.string, type->words[i])) {
            return true;
        }
    }
    return false;
}

static bool coerce_scalar(const struct graphql_field *type, const struct json *value, struct json *ret)
{
    int64_t integer = 0;
    double number;
    *ret = *value;
    switch (type->kind) {
    case GRAPHQL_TYPE_STRING:
        return value->type == JSON_STRING;
    case GRAPHQL_TYPE_BOOL:
        return value->type == JSON_BOOL;
    case GRAPHQL_TYPE_FLOAT:
        return json_as_number(value, &number);
    case GRAPHQL_TYPE_INT:
        *ret = json_int(is_integer(value, &integer) ? integer : 0);
        return is_integer(value, &integer) && integer >= INT32_MIN && integer <= INT32_MAX;
    case GRAPHQL_TYPE_LONG:
        if (value->type == JSON_STRING) {
            bool good = parse_int(value->u.string, INT64_MIN, INT64_MAX, &integer, NULL) == 0;
            *ret = json_int(integer);
            return good;
        }
        *ret = json_int(is_integer(value, &integer) ? integer : 0);
        return is_integer(value, &integer);
    case GRAPHQL_TYPE_ENUM:
        return is_word(type->type, value);
    case GRAPHQL_TYPE_OBJECT:
    case GRAPHQL_TYPE_INPUT:
        break;
    }
    return false;
}

static int coerce_list(const struct place *place, const struct graphql_field *type, const struct json *value,
                       struct json *ret, struct err *err)
{
    struct graphql_field item = *type;
    struct json one;
    *ret = json_array();
    item.list = item.required = false;
    if (value->type != JSON_ARRAY) {
        if (coerce(place, &item, value, &one, err) < 0) {
            return -1;
        }
        json_push(place->arena, ret, one);
        return 0;
    }
    for (size_t i = 0; i < value->u.array.count; i++) {
        struct place below = *place;
        below.path = arena_printf(place->arena, "%s[%zu]", place->path, i);
        if (coerce(&below, &item, &value->u.array.items[i], &one, err) < 0) {
            return -1;
        }
        json_push(place->arena, ret, one);
    }
    return 0;
}

static int coerce_object(const struct place *place, const struct graphql_field *type, const struct json *value,
                         struct json *ret, struct err *err)
{
    *ret = json_object();
    if (value->type != JSON_OBJECT) {
        return refuse(place, value, err, wrong_scalar(type, value, place->arena));
    }
    for (size_t i = 0; i < value->u.object.count; i++) {
        const struct json_member *member = &value->u.object.members[i];
        const struct graphql_field *field = graphql_field_of(type->type->fields, member->key);
        struct json one;
        if (field == NULL) {
            return refuse(place, value, err,
                          arena_printf(place->arena, "Field '%.*s' is not defined by type '%s'.",
                                       STR_ARG(member->key), type->type->name));
        }
        struct place below = *place;
        below.path = arena_printf(place->arena, "%s.%s", place->path, field->name);
        if (coerce(&below, field, &member->value, &one, err) < 0) {
            return -1;
        }
        json_set(place->arena, ret, field->name, one);
    }
    return 0;
}

static int coerce(const struct place *place, const struct graphql_field *type, const struct json *value,
                  struct json *ret, struct err *err)
{
    if (value->type == JSON_NULL) {
        *ret = *value;
        return 0;
    }
    if (type->list) {
        return coerce_list(place, type, value, ret, err);
    }
    if (type->kind == GRAPHQL_TYPE_INPUT) {
        return coerce_object(place, type, value, ret, err);
    }
    return coerce_scalar(type, value, ret) ? 0 : refuse(place, value, err, wrong_scalar(type, value, place->arena));
}

int graphql_variables(const struct graphql_schema *schema, const struct graphql_definition *operation,
                      const struct json *given, struct arena *arena, struct json *ret, struct err *err)
{
    *ret = json_object();
    for (size_t i = 0; i < operation->variable_count; i++) {
        const struct graphql_variable *variable = &operation->variables[i];
        const struct json *value = json_get_str(given, variable->name);
        const char *name = arena_str(arena, variable->name).p;
        struct graphql_field type;
        struct json one;
        if (!graphql_input_of(schema, &variable->type, &type)) {
            return err_set(err, ERR_INPUT, "Variable '$%s' is of no known type.", name);
        }
        if (value == NULL && variable->otherwise != NULL) {
            (void)graphql_value_json(&type, variable->otherwise, NULL, arena, &one);
            json_set(arena, ret, name, one);
            continue;
        }
        const char *type_text = graphql_type_text(&type, arena);
        if (value == NULL && type.required) {
            return err_set(err, ERR_INPUT, "Variable '$%s' of required type '%s' was not provided.", name, type_text);
        }
        if (value == NULL) {
            continue;
        }
        if (value->type == JSON_NULL && type.required) {
            return err_set(err, ERR_INPUT, "Variable '$%s' of non-null type '%s' must not be null.", name, type_text);
        }
        struct place place = {.variable = name, .path = name, .arena = arena};
        if (coerce(&place, &type, value, &one, err) < 0) {
            return -1;
        }
        json_set(arena, ret, name, one);
    }
    return 0;
}
