/* SPDX-License-Identifier: Apache-2.0
 * Lua to JSON. Tables are read raw, so that no script runs meanwhile.
 */
#include "runner/lua_json_internal.h"

#include "base/utf8.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PLACE_MAX = 160, PLACE_SHOWN = 60 };

struct reading {
    lua_State *L;
    struct arena *arena;
    size_t begun_bytes;
    struct err *err;
    size_t depth;
    char place[PLACE_MAX]; /* "a.b[3]" */
    size_t place_size;
};

static int read_value(struct reading *r, int index, struct json *ret);

static int refuse(const struct reading *r, enum err_code code, const char *words)
{
    if (r->place_size == 0) {
        return err_set(r->err, code, "%s", words);
    }
    return err_set(r->err, code, "%.*s%s: %s", PLACE_SHOWN, r->place, r->place_size > PLACE_SHOWN ? "..." : "", words);
}

/* ---- places ---- */

static size_t enter_key(struct reading *r, struct str key)
{
    size_t before = r->place_size;
    int n = snprintf(r->place + before, PLACE_MAX - before, "%s%.*s", before == 0 ? "" : ".",
                     (int)(key.n > 40 ? 40 : key.n), key.p);
    r->place_size = before + (n < 0 ? 0 : (size_t)n < PLACE_MAX - before ? (size_t)n : PLACE_MAX - before - 1);
    return before;
}

static size_t enter_index(struct reading *r, size_t index)
{
    size_t before = r->place_size;
    int n = snprintf(r->place + before, PLACE_MAX - before, "[%zu]", index);
    r->place_size = before + (n < 0 ? 0 : (size_t)n < PLACE_MAX - before ? (size_t)n : PLACE_MAX - before - 1);
    return before;
}

static void leave(struct reading *r, size_t before)
{
    r->place_size = before;
    r->place[before] = '\0';
}

/* ---- scalars ---- */

/* A table with the same long text in many places takes little memory in Lua and much here. */
static int check_room(const struct reading *r, size_t more)
{
    size_t used = arena_used_bytes(r->arena) - r->begun_bytes;
    if (used > LUA_JSON_MAX_BYTES || more > LUA_JSON_MAX_BYTES - used) {
        return refuse(r, ERR_LIMIT, "as JSON this takes more than 256 MiB");
    }
    return 0;
}

static int read_text(struct reading *r, int index, struct json *ret)
{
    struct str text;
    text.p = lua_tolstring(r->L, index, &text.n);
    if (check_room(r, text.n) < 0) {
        return -1;
    }
    if (!utf8_valid(text)) {
        return refuse(r, ERR_INPUT, "this text is not UTF-8");
    }
    *ret = json_string(r->arena, text);
    return 0;
}

static int read_number(struct reading *r, int index, struct json *ret)
{
    if (lua_isinteger(r->L, index)) {
        *ret = json_int(lua_tointeger(r->L, index));
        return 0;
    }
    double number = lua_tonumber(r->L, index);
    if (!isfinite(number)) {
        return refuse(r, ERR_INPUT, isnan(number) ? "NaN has no place in JSON" : "infinity has no place in JSON");
    }
    *ret = json_number(number);
    return 0;
}

/* ---- tables ---- */

static int read_list(struct reading *r, int table, size_t count, struct json *ret)
{
    struct json *items = arena_array(r->arena, count, sizeof *items);
    for (size_t i = 0; i < count; i++) {
        size_t before = enter_index(r, i + 1);
        (void)lua_rawgeti(r->L, table, (lua_Integer)i + 1);
        if (read_value(r, -1, &items[i]) < 0) {
            return -1;
        }
        lua_pop(r->L, 1);
        leave(r, before);
    }
    *ret = (struct json){.type = JSON_ARRAY};
    ret->u.array.items = items;
    ret->u.array.count = count;
    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    return str_cmp(((const struct json_member *)a)->key, ((const struct json_member *)b)->key);
}

static int read_map(struct reading *r, int table, struct json *ret)
{
    struct json_member *members = NULL;
    size_t count = 0;
    size_t room = 0;
    lua_pushnil(r->L);
    while (lua_next(r->L, table) != 0) {
        struct json key;
        if (check_room(r, 0) < 0 || read_text(r, -2, &key) < 0) {
            return -1;
        }
        size_t before = enter_key(r, key.u.string);
        members = arena_grow(r->arena, members, count, &room, sizeof *members);
        members[count].key = key.u.string;
        if (read_value(r, -1, &members[count].value) < 0) {
            return -1;
        }
        count++;
        lua_pop(r->L, 1);
        leave(r, before);
    }
    if (count > 1) {
        qsort(members, count, sizeof *members, compare_keys);
    }
    *ret = (struct json){.type = JSON_OBJECT};
    ret->u.object.members = members;
    ret->u.object.count = count;
    return 0;
}

/* What keys are there: all of 1..n, text, both, or something else. */
static int read_table(struct reading *r, int index, struct json *ret)
{
    lua_State *L = r->L;
    int table = lua_absindex(L, index);
    size_t length = lua_rawlen(L, table);
    size_t numbers = 0;
    size_t texts = 0;
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        lua_pop(L, 1);
        bool number = lua_isinteger(L, -1) != 0 && lua_tointeger(L, -1) >= 1 && (size_t)lua_tointeger(L, -1) <= length;
        if (!number && lua_type(L, -1) != LUA_TSTRING) {
            return refuse(r, ERR_INPUT, lua_isinteger(L, -1) != 0 ? "a list with holes"
                                                                  : "a key that is neither text nor 1, 2, 3, ...");
        }
        numbers += number ? 1 : 0;
        texts += number ? 0 : 1;
    }
    if (numbers > 0 && texts > 0) {
        return refuse(r, ERR_INPUT, "a table with both numbered and named members is neither list nor map");
    }
    if (numbers != length) {
        return refuse(r, ERR_INPUT, "a list with holes");
    }
    if (check_room(r, numbers * sizeof(struct json)) < 0) {
        return -1;
    }
    bool list = numbers > 0 || (texts == 0 && lua_json_is_marked(L, table));
    return list ? read_list(r, table, numbers, ret) : read_map(r, table, ret);
}

static int read_value(struct reading *r, int index, struct json *ret)
{
    lua_State *L = r->L;
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        *ret = json_null();
        return 0;
    case LUA_TBOOLEAN:
        *ret = json_bool(lua_toboolean(L, index) != 0);
        return 0;
    case LUA_TNUMBER:
        return read_number(r, index, ret);
    case LUA_TSTRING:
        return read_text(r, index, ret);
    case LUA_TTABLE:
        break;
    default:
        if (lua_json_is_null(L, index)) {
            *ret = json_null();
            return 0;
        }
        return refuse(r, ERR_INPUT, lua_isfunction(L, index) ? "a function has no place in JSON"
                                                             : "this has no place in JSON");
    }
    if (r->depth == LUA_JSON_DEPTH_MAX) {
        return refuse(r, ERR_LIMIT, "nested deeper than 64 levels: does the table hold itself?");
    }
    luaL_checkstack(L, 8, NULL);
    lua_json_push_content(L, index);
    r->depth++;
    int result = read_table(r, -1, ret);
    r->depth--;
    lua_pop(L, result == 0 ? 1 : 0);
    return result;
}

int lua_json_from(lua_State *L, int index, struct arena *arena, struct json *ret_value, struct err *err)
{
    struct reading r = {.L = L, .arena = arena, .begun_bytes = arena_used_bytes(arena), .err = err};
    int top = lua_gettop(L);
    int result = read_value(&r, lua_absindex(L, index), ret_value);
    lua_settop(L, top);
    return result;
}
