/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/lua_host.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/parse.h"
#include "runner/lua_api.h"
#include "runner/lua_json.h"
#include "runner/step_lua.h"

#include <lauxlib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { TRACE_MAX_BYTES = 16 << 10 };

static const int64_t memory_default_bytes = (int64_t)512 << 20;

struct lua_host *lua_host_of(lua_State *L)
{
    struct lua_host *host;
    memcpy(&host, lua_getextraspace(L), sizeof host);
    return host;
}

struct arena *lua_host_scratch(struct lua_host *host)
{
    arena_reset(host->scratch);
    return host->scratch;
}

int lua_host_raise(lua_State *L, const struct err *err)
{
    luaL_where(L, 1);
    lua_pushstring(L, err->message);
    lua_concat(L, 2);
    return lua_error(L);
}

/* ---- errors ---- */

/* Runs where the error is: what is on the stack still can be told. Leaves the error itself. */
static int write_trace(lua_State *L)
{
    const struct lua_host *host = lua_host_of(L);
    const char *message = lua_tostring(L, 1);
    if (message == NULL) {
        /* A table or the like: its __tostring is the script's, and may fail itself. */
        message = luaL_tolstring(L, 1, NULL);
        if (luaL_getmetafield(L, 1, "__tostring") == LUA_TNIL) {
            const char *type = luaL_typename(L, 1);
            message = lua_pushfstring(L, "the error that the script raised is a %s, expected text", type);
        }
        lua_pushstring(L, message);
        lua_replace(L, 1);
        message = lua_tostring(L, 1);
    }
    luaL_traceback(L, L, message, 1);
    size_t size;
    const char *trace = lua_tolstring(L, -1, &size);
    size = size > TRACE_MAX_BYTES ? TRACE_MAX_BYTES : size;
    host->sink->log(host->sink->ctx, STEP_LOG_ERROR, (struct str){trace, size});
    lua_settop(L, 1);
    return 1;
}

static int explain(struct lua_host *host, int status, struct err *err)
{
    if (status == LUA_ERRMEM && host->refusals > 0) {
        host->end = LUA_END_MEMORY;
    }
    const char *at = host->where;
    const char *text = lua_tostring(host->L, -1);
    if (host->end == LUA_END_MEMORY) {
        char limit[32];
        const char *colon = *at == '\0' ? "" : ": ";
        format_size(limit, sizeof limit, (int64_t)host->limit_bytes);
        if (host->starved) {
            (void)err_set(err, ERR_LIMIT, "%s%sout of memory: the system has no more for the script", at, colon);
        } else {
            (void)err_set(err, ERR_LIMIT, "%s%sthe script needs more than %s of memory", at, colon, limit);
        }
        host->sink->log(host->sink->ctx, STEP_LOG_ERROR, str_from(err->message));
    } else if (host->end == LUA_END_STOP) {
        (void)err_set(err, ERR_STATE, "stopped at %s", *at == '\0' ? "an unknown place" : at);
    } else if (status == LUA_ERRERR) {
        (void)err_set(err, ERR_INPUT, "the script failed, and failed again while it told why%s%s",
                      text == NULL ? "" : ": ", text == NULL ? "" : text);
        host->sink->log(host->sink->ctx, STEP_LOG_ERROR, str_from(err->message));
    } else {
        (void)err_set(err, ERR_INPUT, "%s", text == NULL ? "the script raised an error that is no text" : text);
    }
    return -1;
}

int lua_host_call(struct lua_host *host, int arguments, int results, struct err *err)
{
    lua_State *L = host->L;
    int function = lua_gettop(L) - arguments;
    lua_pushcfunction(L, write_trace);
    lua_insert(L, function);
    int status = lua_pcall(L, arguments, results, function);
    lua_remove(L, function);
    if (status == LUA_OK && host->end == LUA_END_NONE) {
        return 0;
    }
    int result = explain(host, status, err);
    lua_settop(L, function - 1);
    return result;
}

struct str lua_host_chunk(struct str text)
{
    struct str rest = str_starts(text, STR("\xEF\xBB\xBF")) ? str_slice(text, 3, text.n) : text;
    if (str_starts(rest, STR("#"))) {
        ptrdiff_t end = str_find_byte(rest, '\n', 0);
        rest = end < 0 ? STR("") : str_slice(rest, (size_t)end, rest.n);
    }
    return rest;
}

int lua_host_run_text(struct lua_host *host, struct str text, const char *name, int results, struct err *err)
{
    struct str chunk = lua_host_chunk(text);
    int status = luaL_loadbufferx(host->L, chunk.p, chunk.n, name, "t");
    if (status == LUA_OK) {
        return lua_host_call(host, 0, results, err);
    }
    (void)explain(host, status, err);
    if (status != LUA_ERRMEM) {
        host->sink->log(host->sink->ctx, STEP_LOG_ERROR, str_from(err->message));
    }
    lua_pop(host->L, 1);
    return -1;
}

/* ---- life ---- */

static int open_all(lua_State *L)
{
    const struct lua_host *host = lua_host_of(L);
    const struct json *context = json_get(host->spawn, "context");
    lua_sandbox_open(L);
    lua_sandbox_seed(L, str_from(json_get_text(context, "step", "")), str_from(json_get_text(context, "item", "")));
    lua_require_open(L);
    lua_json_open(L);
    lua_api_open(L);
    return 0;
}

struct lua_host *lua_host_new(const struct json *spawn, const struct step_sink *sink, struct arena *arena,
                              struct step_outcome *outcome, struct err *err)
{
    struct lua_host *host = mem_alloc(sizeof *host);
    const struct json *limits = json_get(spawn, "limits");
    int64_t limit = json_get_int(limits, "lua_memory_bytes", memory_default_bytes);
    int64_t process_limit = json_get_int(limits, "memory_bytes", 0);
    *host = (struct lua_host){.spawn = spawn, .sink = sink, .arena = arena, .outcome = outcome, .scratch = arena_new()};
    limit = limit > 0 ? limit : memory_default_bytes;
    host->limit_bytes = (size_t)(process_limit > 0 && process_limit < limit ? process_limit : limit);
    host->L = lua_newstate(lua_limit_allocate, host);
    if (host->L == NULL) {
        (void)(host->starved ? err_set(err, ERR_LIMIT, "out of memory: the system has none for the script")
                             : err_set(err, ERR_LIMIT, "%zu bytes of memory are too little for any script",
                                       host->limit_bytes));
        lua_host_free(host);
        return NULL;
    }
    memcpy(lua_getextraspace(host->L), &host, sizeof host);
    lua_pushcfunction(host->L, open_all);
    int status = lua_pcall(host->L, 0, 0, 0);
    if (status != LUA_OK) {
        (void)explain(host, status, err);
        lua_host_free(host);
        return NULL;
    }
    return host;
}

void lua_host_free(struct lua_host *host)
{
    if (host == NULL) {
        return;
    }
    lua_limit_release(host);
    if (host->L != NULL) {
        lua_close(host->L);
    }
    arena_free(host->scratch);
    free(host);
}

/* ---- a step ---- */

static int read_script(const struct json *lua, struct arena *arena, struct str *ret_text, const char **ret_name,
                       struct err *err)
{
    const char *path = json_get_text(lua, "path", NULL);
    const char *chunk = json_get_text(lua, "chunk", path == NULL ? "script" : path);
    *ret_name = arena_printf(arena, "%c%s", path == NULL ? '=' : '@', chunk);
    if (path != NULL) {
        return fs_read_file(path, LUA_HOST_FILE_MAX_BYTES, arena, ret_text, err);
    }
    *ret_text = str_from(json_get_text(lua, "text", ""));
    return 0;
}

static int run_step(struct lua_host *host, struct err *err)
{
    struct str text;
    const char *name;
    if (read_script(json_get(host->spawn, "lua"), host->arena, &text, &name, err) < 0) {
        return -1;
    }
    lua_limit_catch(host, SIGTERM, false);
    lua_limit_catch(host, (int)json_get_int(json_get(host->spawn, "stop"), "signal", SIGTERM), false);
    return lua_host_run_text(host, text, name, 0, err);
}

void lua_host_run(struct lua_host *host)
{
    struct err err = {0};
    if (run_step(host, &err) < 0) {
        host->outcome->result = STEP_FAILED;
        step_outcome_reason(host->outcome, err.message);
    }
    lua_host_free(host);
}
