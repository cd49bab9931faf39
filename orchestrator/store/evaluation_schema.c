/* SPDX-License-Identifier: Apache-2.0 */
#include "store/evaluation_schema.h"

#include "base/str_index.h"

/* The names of one part, with their types. */
struct part {
    struct json names; /* or one text: the type of all outputs */
    struct str_index *index;
};

static const char *type_of(const struct json *value)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",     [JSON_BOOL] = "boolean", [JSON_INT] = "integer",   [JSON_NUMBER] = "float",
        [JSON_STRING] = "string", [JSON_ARRAY] = "array",  [JSON_OBJECT] = "object",
    };
    return names[value->type];
}

static void add_names(struct part *part, const struct json *values, struct arena *arena)
{
    bool has_names = values != NULL && values->type == JSON_OBJECT && part->names.type == JSON_OBJECT;
    for (size_t i = 0; has_names && i < values->u.object.count; i++) {
        const struct json_member *member = &values->u.object.members[i];
        struct str key = str_from(member->key.p); /* as json_add takes it */
        if (part->names.u.object.count < EVALUATION_SCHEMA_NAMES_MAX && str_index_find(part->index, key) < 0) {
            (void)str_index_add(part->index, key);
            json_add(arena, &part->names, member->key.p, json_cstring(arena, type_of(&member->value)));
        }
    }
}

static struct part part_of(const struct json *schema, const char *name, struct arena *arena)
{
    const struct json *before = schema == NULL ? NULL : json_get(schema, name);
    struct part part = {.names = before == NULL ? json_object() : json_copy(arena, before),
                        .index = str_index_new(arena, 64)};
    for (size_t i = 0; part.names.type == JSON_OBJECT && i < part.names.u.object.count; i++) {
        (void)str_index_add(part.index, part.names.u.object.members[i].key);
    }
    return part;
}

static void add_outputs(struct part *part, const struct json *outputs, struct arena *arena)
{
    bool is_single = outputs != NULL && outputs->type != JSON_OBJECT && outputs->type != JSON_NULL;
    if (is_single && part->names.type == JSON_OBJECT && part->names.u.object.count == 0) {
        part->names = json_cstring(arena, type_of(outputs));
    } else {
        add_names(part, outputs, arena);
    }
}

struct json evaluation_schema(const struct json *before, const struct json *records, struct arena *arena)
{
    struct part inputs = part_of(before, "inputs", arena);
    struct part outputs = part_of(before, "outputs", arena);
    struct part expectations = part_of(before, "expectations", arena);
    for (size_t i = 0; i < records->u.array.count; i++) {
        const struct json *record = &records->u.array.items[i];
        add_names(&inputs, json_get(record, "inputs"), arena);
        add_outputs(&outputs, json_get(record, "outputs"), arena);
        add_names(&expectations, json_get(record, "expectations"), arena);
    }
    struct json schema = json_object();
    json_add(arena, &schema, "inputs", inputs.names);
    json_add(arena, &schema, "outputs", outputs.names);
    json_add(arena, &schema, "expectations", expectations.names);
    json_add(arena, &schema, "version", json_cstring(arena, "1.0"));
    return schema;
}
