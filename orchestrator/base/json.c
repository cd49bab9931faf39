/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct json json_null(void)
{
    return (struct json){.type = JSON_NULL};
}

struct json json_bool(bool value)
{
    return (struct json){.type = JSON_BOOL, .u.boolean = value};
}

struct json json_int(int64_t value)
{
    return (struct json){.type = JSON_INT, .u.integer = value};
}

struct json json_number(double value)
{
    return (struct json){.type = JSON_NUMBER, .u.number = value};
}

struct json json_string(struct arena *arena, struct str text)
{
    return (struct json){.type = JSON_STRING, .u.string = arena_str(arena, text)};
}

struct json json_cstring(struct arena *arena, const char *text)
{
    return json_string(arena, str_from(text));
}

struct json json_array(void)
{
    return (struct json){.type = JSON_ARRAY};
}

struct json json_object(void)
{
    return (struct json){.type = JSON_OBJECT};
}

/* Capacity is not stored: the array grows when its count is 0, 4, 8, 16, ... */
static bool is_full(size_t count)
{
    return count == 0 || (count >= 4 && (count & (count - 1)) == 0);
}

static size_t next_room(size_t count)
{
    return count == 0 ? 4 : count * 2;
}

void json_push(struct arena *arena, struct json *array, struct json value)
{
    size_t count = array->u.array.count;
    if (is_full(count)) {
        struct json *wider = arena_array(arena, next_room(count), sizeof *wider);
        if (count > 0) {
            memcpy(wider, array->u.array.items, count * sizeof *wider);
        }
        array->u.array.items = wider;
    }
    array->u.array.items[array->u.array.count++] = value;
}

static void append_member(struct arena *arena, struct json *object, struct str key, struct json value)
{
    size_t count = object->u.object.count;
    if (is_full(count)) {
        struct json_member *wider = arena_array(arena, next_room(count), sizeof *wider);
        if (count > 0) {
            memcpy(wider, object->u.object.members, count * sizeof *wider);
        }
        object->u.object.members = wider;
    }
    object->u.object.members[object->u.object.count++] = (struct json_member){.key = key, .value = value};
}

void json_set(struct arena *arena, struct json *object, const char *key, struct json value)
{
    struct str name = str_from(key);
    for (size_t i = 0; i < object->u.object.count; i++) {
        if (str_eq(object->u.object.members[i].key, name)) {
            object->u.object.members[i].value = value;
            return;
        }
    }
    append_member(arena, object, arena_str(arena, name), value);
}

void json_add(struct arena *arena, struct json *object, const char *key, struct json value)
{
    append_member(arena, object, arena_str(arena, str_from(key)), value);
}

void json_add_str(struct arena *arena, struct json *object, struct str key, struct json value)
{
    append_member(arena, object, key, value);
}

struct json json_copy(struct arena *arena, const struct json *value)
{
    struct json copy = *value;
    switch (value->type) {
    case JSON_STRING:
        copy.u.string = arena_str(arena, value->u.string);
        break;
    case JSON_ARRAY:
        copy = json_array();
        for (size_t i = 0; i < value->u.array.count; i++) {
            json_push(arena, &copy, json_copy(arena, &value->u.array.items[i]));
        }
        break;
    case JSON_OBJECT:
        copy = json_object();
        for (size_t i = 0; i < value->u.object.count; i++) {
            const struct json_member *member = &value->u.object.members[i];
            append_member(arena, &copy, arena_str(arena, member->key), json_copy(arena, &member->value));
        }
        break;
    default:
        break;
    }
    return copy;
}

const struct json *json_get_str(const struct json *object, struct str key)
{
    if (object == NULL || object->type != JSON_OBJECT) {
        return NULL;
    }
    for (size_t i = 0; i < object->u.object.count; i++) {
        if (str_eq(object->u.object.members[i].key, key)) {
            return &object->u.object.members[i].value;
        }
    }
    return NULL;
}

const struct json *json_get(const struct json *object, const char *key)
{
    return json_get_str(object, str_from(key));
}

const char *json_get_text(const struct json *object, const char *key, const char *otherwise)
{
    const struct json *value = json_get(object, key);
    return value != NULL && value->type == JSON_STRING ? value->u.string.p : otherwise;
}

int64_t json_get_int(const struct json *object, const char *key, int64_t otherwise)
{
    const struct json *value = json_get(object, key);
    return value != NULL && value->type == JSON_INT ? value->u.integer : otherwise;
}

double json_get_number(const struct json *object, const char *key, double otherwise)
{
    double number = otherwise;
    return json_as_number(json_get(object, key), &number) ? number : otherwise;
}

bool json_get_bool(const struct json *object, const char *key, bool otherwise)
{
    const struct json *value = json_get(object, key);
    return value != NULL && value->type == JSON_BOOL ? value->u.boolean : otherwise;
}

bool json_as_number(const struct json *value, double *ret_number)
{
    if (value == NULL || (value->type != JSON_INT && value->type != JSON_NUMBER)) {
        return false;
    }
    *ret_number = value->type == JSON_INT ? (double)value->u.integer : value->u.number;
    return true;
}

static bool objects_equal(const struct json *a, const struct json *b)
{
    if (a->u.object.count != b->u.object.count) {
        return false;
    }
    for (size_t i = 0; i < a->u.object.count; i++) {
        const struct json *other = json_get_str(b, a->u.object.members[i].key);
        if (other == NULL || !json_equal(&a->u.object.members[i].value, other)) {
            return false;
        }
    }
    return true;
}

bool json_equal(const struct json *a, const struct json *b)
{
    double x = 0;
    double y = 0;
    if (a->type == JSON_INT && b->type == JSON_INT) {
        return a->u.integer == b->u.integer;
    }
    if (json_as_number(a, &x) && json_as_number(b, &y)) {
        return x == y;
    }
    if (a->type != b->type) {
        return false;
    }
    switch (a->type) {
    case JSON_BOOL:
        return a->u.boolean == b->u.boolean;
    case JSON_STRING:
        return str_eq(a->u.string, b->u.string);
    case JSON_ARRAY:
        for (size_t i = 0; a->u.array.count == b->u.array.count && i < a->u.array.count; i++) {
            if (!json_equal(&a->u.array.items[i], &b->u.array.items[i])) {
                return false;
            }
        }
        return a->u.array.count == b->u.array.count;
    case JSON_OBJECT:
        return objects_equal(a, b);
    default:
        return true;
    }
}

const char *json_type_name(enum json_type type)
{
    static const char *const names[] = {"null", "a boolean", "an integer", "a number", "a string", "a list", "a map"};
    return names[type];
}

void json_wipe(struct json *value)
{
    if (value->type == JSON_STRING && value->u.string.n > 0) {
        explicit_bzero((char *)(uintptr_t)value->u.string.p, value->u.string.n);
    } else if (value->type == JSON_ARRAY) {
        for (size_t i = 0; i < value->u.array.count; i++) {
            json_wipe(&value->u.array.items[i]);
        }
    } else if (value->type == JSON_OBJECT) {
        for (size_t i = 0; i < value->u.object.count; i++) {
            json_wipe(&value->u.object.members[i].value);
        }
    }
}
