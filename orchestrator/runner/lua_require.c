/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs.h"
#include "base/path.h"
#include "runner/lua_host.h"

#include <lauxlib.h>
#include <limits.h>
#include <stdlib.h>

/* The keys of two tables in the registry: what modules returned, and which are being run. */
static const char loaded_key[] = "sluice.loaded";
static const char loading_key[] = "sluice.loading";

/* "a.b_c" and "a/b": parts of letters, digits, '_' and '-'. Nothing that starts with a dot. */
static bool is_module_name(struct str name)
{
    bool part = false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!word && !(part && (c == '.' || c == '/'))) {
            return false;
        }
        part = word;
    }
    return part && name.n <= 200;
}

/* The real path of folder/relative, or NULL if there is none or it lies elsewhere. */
static const char *inside(struct arena *arena, const char *folder, const char *relative)
{
    char root[PATH_MAX];
    char real[PATH_MAX];
    if (realpath(folder, root) == NULL || realpath(path_join(arena, root, relative), real) == NULL) {
        return NULL;
    }
    size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);
    return strncmp(real, root, length) == 0 && real[length] == '/' ? arena_strdup(arena, real) : NULL;
}

static const char *find(const struct lua_host *host, struct arena *arena, struct str name, const char **ret_relative,
                        struct err *err)
{
    const struct json *folders = json_get(json_get(host->spawn, "lua"), "folders");
    size_t count = folders != NULL && folders->type == JSON_ARRAY ? folders->u.array.count : 0;
    char *relative = arena_printf(arena, "%.*s.lua", STR_ARG(name));
    for (size_t i = 0; i < name.n; i++) {
        relative[i] = name.p[i] == '.' ? '/' : name.p[i];
    }
    struct strbuf where;
    strbuf_init(&where, 600);
    const char *path = NULL;
    for (size_t i = 0; i < count && path == NULL; i++) {
        const struct json *item = &folders->u.array.items[i];
        const char *folder = item->type == JSON_STRING ? item->u.string.p : "/nowhere";
        path = inside(arena, folder, relative);
        strbuf_printf(&where, "%s%s", i == 0 ? "" : ", ", folder);
    }
    if (path == NULL) {
        (void)err_set(err, ERR_NOT_FOUND, "there is no module '%.*s': expected %s in %s", STR_ARG(name), relative,
                      count == 0 ? "a folder, but this step has none" : where.data);
    }
    strbuf_clear(&where);
    *ret_relative = relative;
    return path;
}

/* Leaves the chunk on the stack. */
static int load(lua_State *L, struct lua_host *host, struct str name, struct err *err)
{
    struct arena *arena = lua_host_scratch(host);
    const char *relative = NULL;
    struct str text;
    const char *path = find(host, arena, name, &relative, err);
    if (path == NULL || fs_read_file(path, LUA_HOST_FILE_MAX_BYTES, arena, &text, err) < 0) {
        return -1;
    }
    const char *chunk = arena_printf(arena, "@%s", relative);
    text = str_starts(text, STR("\xEF\xBB\xBF")) ? str_slice(text, 3, text.n) : text;
    int status = luaL_loadbufferx(L, text.p, text.n, chunk, "t");
    if (status == LUA_ERRMEM) {
        (void)lua_error(L);
    }
    return status == LUA_OK ? 0 : err_set(err, ERR_INPUT, "%s", lua_tostring(L, -1));
}

static int require(lua_State *L)
{
    struct lua_host *host = lua_host_of(L);
    struct err err = {0};
    struct str name;
    name.p = luaL_checklstring(L, 1, &name.n);
    lua_settop(L, 1);
    if (!is_module_name(name)) {
        (void)err_set(&err, ERR_INPUT,
                      "'%.*s' is no name of a module: expected letters, digits, '_' and '-', with dots between folders",
                      STR_ARG(name));
        return lua_host_raise(L, &err);
    }
    (void)luaL_getsubtable(L, LUA_REGISTRYINDEX, loaded_key); /* 2 */
    if (lua_getfield(L, 2, name.p) != LUA_TNIL) {
        return 1;
    }
    lua_pop(L, 1);
    (void)luaL_getsubtable(L, LUA_REGISTRYINDEX, loading_key); /* 3 */
    if (lua_getfield(L, 3, name.p) != LUA_TNIL) {
        return luaL_error(L, "module '%s' requires itself by way of others, or has failed before", name.p);
    }
    lua_pop(L, 1);
    if (load(L, host, name, &err) < 0) {
        return lua_host_raise(L, &err);
    }
    lua_pushboolean(L, 1);
    lua_setfield(L, 3, name.p);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushboolean(L, 1);
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, 2, name.p);
    lua_pushnil(L);
    lua_setfield(L, 3, name.p);
    return 1;
}

void lua_require_open(lua_State *L)
{
    lua_pushcfunction(L, require);
    lua_setglobal(L, "require");
}
