/* SPDX-License-Identifier: Apache-2.0
 * Tables of fields as JSON Schema.
 */
#include "api/sluice/schema.h"

static void put(struct arena *arena, struct json *object, const char *key, const char *text)
{
    json_set(arena, object, key, json_cstring(arena, text));
}

static void put_int(struct arena *arena, struct json *object, const char *key, int64_t value)
{
    json_set(arena, object, key, json_int(value));
}

struct json schema_reference(const struct schema *schema, struct arena *arena)
{
    struct json reference = json_object();
    put(arena, &reference, "$ref", arena_printf(arena, "#/components/schemas/%s", schema->name));
    return reference;
}

static void add_type(struct arena *arena, struct json *object, const char *type, bool nullable)
{
    struct json types = json_array();
    json_push(arena, &types, json_cstring(arena, type));
    json_push(arena, &types, json_cstring(arena, "null"));
    json_set(arena, object, "type", nullable ? types : json_cstring(arena, type));
}

static void add_text(const struct schema_field *field, bool answer, bool nullable, struct json *ret,
                     struct arena *arena)
{
    struct json words = json_array();
    add_type(arena, ret, "string", nullable);
    for (size_t i = 0; field->words != NULL && field->words[i] != NULL; i++) {
        json_push(arena, &words, json_cstring(arena, field->words[i]));
    }
    if (field->words != NULL) {
        if (nullable) {
            json_push(arena, &words, json_null());
        }
        json_set(arena, ret, "enum", words);
        return;
    }
    if (!answer && field->least > 0) {
        put_int(arena, ret, "minLength", field->least);
    }
    if (!answer) {
        put_int(arena, ret, "maxLength", field->most == 0 ? SCHEMA_TEXT_MAX : field->most);
    }
    if (field->pattern != NULL || !answer) {
        put(arena, ret, "pattern", field->pattern != NULL ? field->pattern : "^[^\\u0000]*$");
    }
}

static void add_int(const struct schema_field *field, bool nullable, struct json *ret, struct arena *arena)
{
    add_type(arena, ret, "integer", nullable);
    put(arena, ret, "format", "int64");
    if (field->least != 0 || field->most != 0) {
        put_int(arena, ret, "minimum", field->least);
        put_int(arena, ret, "maximum", field->most);
    }
}

static struct json list_of(struct json items, struct arena *arena)
{
    struct json list = json_object();
    put(arena, &list, "type", "array");
    json_set(arena, &list, "items", items);
    return list;
}

static struct json text_schema(struct arena *arena)
{
    struct json text = json_object();
    put(arena, &text, "type", "string");
    return text;
}

/* What may be null beside what a reference says. */
static struct json or_null(struct json schema, bool nullable, struct arena *arena)
{
    struct json either = json_object();
    struct json choices = json_array();
    struct json null = json_object();
    if (!nullable) {
        return schema;
    }
    put(arena, &null, "type", "null");
    json_push(arena, &choices, schema);
    json_push(arena, &choices, null);
    json_set(arena, &either, "anyOf", choices);
    return either;
}

struct json schema_of_field(const struct schema_field *field, bool answer, struct arena *arena)
{
    struct json ret = json_object();
    bool nullable = (field->flags & SCHEMA_NULLABLE) != 0;
    switch (field->type) {
    case SCHEMA_TEXT:
        add_text(field, answer, nullable, &ret, arena);
        break;
    case SCHEMA_INT:
        add_int(field, nullable, &ret, arena);
        break;
    case SCHEMA_NUMBER:
        add_type(arena, &ret, "number", answer);
        break;
    case SCHEMA_BOOL:
        add_type(arena, &ret, "boolean", nullable);
        break;
    case SCHEMA_TIME:
        add_type(arena, &ret, "string", nullable);
        put(arena, &ret, "format", "date-time");
        break;
    case SCHEMA_ANY:
        break;
    case SCHEMA_MAP:
        add_type(arena, &ret, "object", nullable);
        json_set(arena, &ret, "additionalProperties",
                 field->of == NULL ? json_bool(true) : schema_reference(field->of, arena));
        break;
    case SCHEMA_OBJECT:
        ret = or_null(schema_reference(field->of, arena), nullable, arena);
        break;
    case SCHEMA_LIST:
        ret = list_of(schema_reference(field->of, arena), arena);
        break;
    case SCHEMA_TEXTS:
        ret = or_null(list_of(text_schema(arena), arena), nullable, arena);
        break;
    }
    if (field->doc != NULL) {
        put(arena, &ret, "description", field->doc);
    }
    return ret;
}

void schema_document(const struct schema *schema, bool answer, struct json *components, struct arena *arena)
{
    struct json object = json_object();
    struct json properties = json_object();
    struct json required = json_array();
    if (json_get(components, schema->name) != NULL) {
        return;
    }
    json_set(arena, components, schema->name, json_null()); /* its place; one may name itself */
    for (const struct schema_field *field = schema->fields; field->name != NULL; field++) {
        json_set(arena, &properties, field->name, schema_of_field(field, answer, arena));
        if ((field->flags & (answer ? SCHEMA_ABSENT : SCHEMA_REQUIRED)) == (answer ? 0 : SCHEMA_REQUIRED)) {
            json_push(arena, &required, json_cstring(arena, field->name));
        }
        if (field->of != NULL) {
            schema_document(field->of, answer, components, arena);
        }
    }
    put(arena, &object, "type", "object");
    if (schema->doc != NULL) {
        put(arena, &object, "description", schema->doc);
    }
    json_set(arena, &object, "additionalProperties", json_bool(false));
    json_set(arena, &object, "properties", properties);
    json_set(arena, &object, "required", required);
    json_set(arena, components, schema->name, object);
}
