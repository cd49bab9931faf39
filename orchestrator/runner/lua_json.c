/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/lua_json_internal.h"

#include <lauxlib.h>

/* Keys of the registry: their addresses. */
static const char null_key = 'n';
static const char array_key = 'a';
/* Key of a locked table's metatable: its content. */
static const char content_key = 'c';

/* ---- null, and the mark of lists ---- */

static int null_text(lua_State *L)
{
    lua_pushliteral(L, "null");
    return 1;
}

void lua_json_open(lua_State *L)
{
    (void)lua_newuserdatauv(L, 0, 0);
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, null_text);
    lua_setfield(L, -2, "__tostring");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    (void)lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &null_key);
    /* Locked: what a script put into it would be called with hooks off. */
    lua_createtable(L, 0, 1);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &array_key);
}

void lua_json_push_null(lua_State *L)
{
    (void)lua_rawgetp(L, LUA_REGISTRYINDEX, &null_key);
}

bool lua_json_is_null(lua_State *L, int index)
{
    int at = lua_absindex(L, index);
    lua_json_push_null(L);
    bool same = lua_rawequal(L, at, -1) != 0;
    lua_pop(L, 1);
    return same;
}

bool lua_json_mark_array(lua_State *L, int index)
{
    int at = lua_absindex(L, index);
    (void)lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key);
    if (lua_getmetatable(L, at) != 0) {
        bool same = lua_rawequal(L, -1, -2) != 0;
        lua_pop(L, 2);
        return same;
    }
    (void)lua_setmetatable(L, at);
    return true;
}

bool lua_json_is_marked(lua_State *L, int index)
{
    if (lua_getmetatable(L, index) == 0) {
        return false;
    }
    (void)lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key);
    bool same = lua_rawequal(L, -1, -2) != 0;
    lua_pop(L, 2);
    return same;
}

/* ---- tables that can only be read ---- */

void lua_json_push_content(lua_State *L, int index)
{
    int at = lua_absindex(L, index);
    if (lua_getmetatable(L, at) != 0) {
        bool locked = lua_rawgetp(L, -1, &content_key) == LUA_TTABLE;
        lua_remove(L, -2);
        if (locked) {
            return;
        }
        lua_pop(L, 1);
    }
    lua_pushvalue(L, at);
}

static int locked_newindex(lua_State *L)
{
    return luaL_error(L, "this table is read-only: the pipeline gave it; change a copy");
}

static int locked_len(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_json_push_content(L, 1);
    lua_pushinteger(L, (lua_Integer)lua_rawlen(L, -1));
    return 1;
}

/* The content itself never reaches the script. */
static int locked_next(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    lua_json_push_content(L, 1);
    lua_insert(L, 2);
    if (lua_next(L, 2) != 0) {
        return 2;
    }
    lua_pushnil(L);
    return 1;
}

static int locked_pairs(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushcfunction(L, locked_next);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

/* Upvalues: the content, the table's name, the hint. */
static int strict_index(lua_State *L)
{
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) {
        return 1;
    }
    return luaL_error(L, "%s has no '%s': %s", lua_tostring(L, lua_upvalueindex(2)), luaL_tolstring(L, 2, NULL),
                      lua_tostring(L, lua_upvalueindex(3)));
}

void lua_json_lock(lua_State *L, const char *name, const char *hint)
{
    static const luaL_Reg handlers[] = {
        {"__newindex", locked_newindex}, {"__len", locked_len}, {"__pairs", locked_pairs}, {NULL, NULL}};
    luaL_checkstack(L, 8, NULL);
    int content = lua_gettop(L);
    lua_createtable(L, 0, 0);
    lua_createtable(L, 0, 6);
    luaL_setfuncs(L, handlers, 0);
    lua_pushvalue(L, content);
    if (hint != NULL) {
        lua_pushstring(L, name);
        lua_pushstring(L, hint);
        lua_pushcclosure(L, strict_index, 3);
    }
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, content);
    lua_rawsetp(L, -2, &content_key);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    (void)lua_setmetatable(L, -2);
    lua_replace(L, content);
}

/* ---- JSON to Lua ---- */

static void push(lua_State *L, const struct json *value, bool locked);

static void push_list(lua_State *L, const struct json *list, bool locked)
{
    lua_createtable(L, (int)(list->u.array.count & 0x3fffffff), 0);
    for (size_t i = 0; i < list->u.array.count; i++) {
        push(L, &list->u.array.items[i], locked);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    (void)lua_json_mark_array(L, -1);
}

static void push_map(lua_State *L, const struct json *map, bool locked)
{
    lua_createtable(L, 0, (int)(map->u.object.count & 0x3fffffff));
    for (size_t i = 0; i < map->u.object.count; i++) {
        const struct json_member *member = &map->u.object.members[i];
        if (!locked || member->value.type != JSON_NULL) {
            lua_pushlstring(L, member->key.p, member->key.n);
            push(L, &member->value, locked);
            lua_rawset(L, -3);
        }
    }
}

static void push(lua_State *L, const struct json *value, bool locked)
{
    luaL_checkstack(L, 8, NULL);
    switch (value->type) {
    case JSON_NULL:
        lua_json_push_null(L);
        return;
    case JSON_BOOL:
        lua_pushboolean(L, value->u.boolean);
        return;
    case JSON_INT:
        lua_pushinteger(L, value->u.integer);
        return;
    case JSON_NUMBER:
        lua_pushnumber(L, value->u.number);
        return;
    case JSON_STRING:
        lua_pushlstring(L, value->u.string.p, value->u.string.n);
        return;
    case JSON_ARRAY:
        push_list(L, value, locked);
        break;
    case JSON_OBJECT:
        push_map(L, value, locked);
        break;
    }
    if (locked) {
        lua_json_lock(L, NULL, NULL);
    }
}

void lua_json_push(lua_State *L, const struct json *value)
{
    push(L, value, false);
}

void lua_json_push_locked(lua_State *L, const struct json *value)
{
    push(L, value, true);
}
