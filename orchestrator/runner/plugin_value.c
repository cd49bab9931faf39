/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/plugin_value.h"

static void fill(struct step_value *value, const struct json *json, struct arena *arena);

static void fill_list(struct step_value *value, const struct json *json, struct arena *arena)
{
    struct step_value *items = arena_array(arena, json->u.array.count + 1, sizeof *items);
    for (size_t i = 0; i < json->u.array.count; i++) {
        fill(&items[i], &json->u.array.items[i], arena);
    }
    value->type = STEP_TYPE_LIST;
    value->count = json->u.array.count;
    value->items = items;
}

static void fill_map(struct step_value *value, const struct json *json, struct arena *arena)
{
    struct step_value *items = arena_array(arena, json->u.object.count + 1, sizeof *items);
    const char **keys = arena_array(arena, json->u.object.count + 1, sizeof *keys);
    for (size_t i = 0; i < json->u.object.count; i++) {
        fill(&items[i], &json->u.object.members[i].value, arena);
        keys[i] = arena_str(arena, json->u.object.members[i].key).p;
    }
    value->type = STEP_TYPE_MAP;
    value->count = json->u.object.count;
    value->items = items;
    value->keys = keys;
}

static void fill(struct step_value *value, const struct json *json, struct arena *arena)
{
    *value = (struct step_value){.type = STEP_TYPE_NULL};
    switch (json->type) {
    case JSON_NULL:
        break;
    case JSON_BOOL:
        value->type = STEP_TYPE_BOOL;
        value->boolean = json->u.boolean;
        break;
    case JSON_INT:
        value->type = STEP_TYPE_INT;
        value->integer = json->u.integer;
        value->number = (double)json->u.integer;
        break;
    case JSON_NUMBER:
        value->type = STEP_TYPE_NUMBER;
        value->number = json->u.number;
        break;
    case JSON_STRING:
        value->type = STEP_TYPE_STRING;
        value->string = arena_str(arena, json->u.string).p;
        value->count = json->u.string.n;
        break;
    case JSON_ARRAY:
        fill_list(value, json, arena);
        break;
    case JSON_OBJECT:
        fill_map(value, json, arena);
        break;
    }
}

const struct step_value *plugin_value(const struct json *json, struct arena *arena)
{
    struct step_value *value = arena_one(arena, struct step_value);
    fill(value, json, arena);
    return value;
}
