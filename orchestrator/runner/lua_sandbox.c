/* SPDX-License-Identifier: Apache-2.0
 * The libraries of a script, without what leads out of them.
 */
#include "runner/lua_host.h"

#include <lauxlib.h>
#include <lualib.h>

/* ---- calls that catch errors, but not the end ---- */

/* The end of the script is not the script's to catch. "not enough memory" is what lua_error raises as a memory error,
 * past all handlers; a script may have made that text itself, and then it is an error like any other. */
static int caught(lua_State *L, int status)
{
    struct lua_host *host = lua_host_of(L);
    if (status == LUA_ERRMEM && host->refusals > 0 && host->end == LUA_END_NONE) {
        host->end = LUA_END_MEMORY;
    }
    if (status != LUA_OK && host->end != LUA_END_NONE) {
        return lua_error(L);
    }
    lua_pushboolean(L, status == LUA_OK);
    lua_insert(L, 1);
    return lua_gettop(L);
}

static int sandbox_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    return caught(L, lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0));
}

/* A hook raises with hooks off: a handler of the script's would run there unwatched. */
static int handle(lua_State *L)
{
    if (lua_host_of(L)->end != LUA_END_NONE) {
        return 1;
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

static int sandbox_xpcall(lua_State *L)
{
    luaL_checkany(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, handle, 1);
    lua_replace(L, 2); /* function, handler, arguments */
    lua_pushvalue(L, 1);
    lua_insert(L, 3);
    lua_remove(L, 1); /* handler, function, arguments */
    int status = lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 1);
    lua_remove(L, 1);
    return caught(L, status);
}

/* ---- the base library ---- */

static int sandbox_setmetatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table");
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL) {
        return luaL_error(L, "cannot change a protected metatable");
    }
    if (lua_istable(L, 2)) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL) {
            return luaL_error(L, "scripts of steps have no finalizers: take '__gc' out of the metatable");
        }
        lua_pop(L, 1);
    }
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

static int sandbox_print(lua_State *L)
{
    const struct lua_host *host = lua_host_of(L);
    int count = lua_gettop(L);
    luaL_Buffer text;
    luaL_checkstack(L, count + 4, NULL);
    for (int i = 1; i <= count; i++) {
        (void)luaL_tolstring(L, i, NULL);
        lua_replace(L, i);
    }
    luaL_buffinit(L, &text);
    for (int i = 1; i <= count; i++) {
        if (i > 1) {
            luaL_addchar(&text, '\t');
        }
        lua_pushvalue(L, i);
        luaL_addvalue(&text);
    }
    luaL_pushresult(&text);
    size_t size;
    const char *line = lua_tolstring(L, -1, &size);
    host->sink->log(host->sink->ctx, STEP_LOG_INFO, (struct str){line, size});
    return 0;
}

static void take_out(lua_State *L, const char *table, const char *name)
{
    (void)lua_getglobal(L, table);
    lua_pushnil(L);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

/* ---- the whole ---- */

static void open_libraries(lua_State *L)
{
    static const luaL_Reg libraries[] = {
        {LUA_GNAME, luaopen_base},       {LUA_STRLIBNAME, luaopen_string}, {LUA_TABLIBNAME, luaopen_table},
        {LUA_MATHLIBNAME, luaopen_math}, {LUA_UTF8LIBNAME, luaopen_utf8},
    };
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
        lua_pop(L, 1);
    }
}

void lua_sandbox_open(lua_State *L)
{
    static const char *const removed[] = {"load", "loadfile", "dofile", "collectgarbage", "warn"};
    static const luaL_Reg replaced[] = {
        {"pcall", sandbox_pcall},
        {"xpcall", sandbox_xpcall},
        {"setmetatable", sandbox_setmetatable},
        {"print", sandbox_print},
    };
    open_libraries(L);
    for (size_t i = 0; i < sizeof removed / sizeof removed[0]; i++) {
        take_out(L, LUA_GNAME, removed[i]);
    }
    take_out(L, LUA_STRLIBNAME, "dump");
    for (size_t i = 0; i < sizeof replaced / sizeof replaced[0]; i++) {
        lua_pushcfunction(L, replaced[i].func);
        lua_setglobal(L, replaced[i].name);
    }
    lua_pushliteral(L, "");
    if (lua_getmetatable(L, -1) != 0) {
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* FNV-1a over both, with a byte between them. */
static lua_Integer seed_of(struct str step, struct str item)
{
    const struct str parts[] = {step, STR("\n"), item};
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        for (size_t k = 0; k < parts[i].n; k++) {
            hash = (hash ^ (unsigned char)parts[i].p[k]) * UINT64_C(1099511628211);
        }
    }
    return (lua_Integer)(hash >> 1);
}

void lua_sandbox_seed(lua_State *L, struct str step, struct str item)
{
    (void)lua_getglobal(L, LUA_MATHLIBNAME);
    (void)lua_getfield(L, -1, "randomseed");
    lua_pushinteger(L, seed_of(step, item));
    lua_call(L, 1, 0);
    lua_pop(L, 1);
}
