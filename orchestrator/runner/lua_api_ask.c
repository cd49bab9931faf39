/* SPDX-License-Identifier: Apache-2.0
 * What a script asks: the store and the network.
 *
 *   sluice.call(method [, params])       any method of docs/plugins.md; its answer
 *   sluice.model.get(uri), .files(uri), .metrics(uri [, dataset_digest]), .log_metrics{model=, metrics=, ...}
 *   sluice.registry.register{name=, model=, ...}, .alias{name=, alias=, version=, ...}, .alias_get(name, alias)
 *   sluice.http(url) or sluice.http{url=, method=, headers={Name=text}, body=text or json=value, timeout_ms=,
 *                                   max_bytes=, follow=, to_file=path}
 *       {status, headers, body} whatever the status is; no answer at all is an error
 */
#include "base/fs.h"
#include "runner/fetch_client.h"
#include "runner/lua_api.h"
#include "runner/lua_json.h"
#include "runner/step_calls.h"

#include <lauxlib.h>

enum { TIMEOUT_DEFAULT_MS = 30000, BODY_DEFAULT_BYTES = 16 << 20, FILE_DEFAULT_BYTES = 1 << 30 };

/* ---- the store ---- */

static int ask(lua_State *L, struct lua_host *host, struct arena *scratch, const char *method,
               const struct json *params)
{
    struct json answer = json_null();
    if (step_call(host->spawn, host->sink, method, params, scratch, &answer) < 0) {
        struct err err = {0};
        (void)err_set(&err, ERR_STATE, "%s: %s", method, json_get_text(&answer, "message", "refused"));
        return lua_host_raise(L, &err);
    }
    if (answer.type == JSON_NULL) {
        lua_pushnil(L);
    } else {
        lua_json_push(L, &answer);
    }
    return 1;
}

/* `index` 0 stands for no parameters. */
static int ask_with_table(lua_State *L, const char *method, int index)
{
    struct lua_host *host = lua_host_of(L);
    struct arena *scratch = lua_host_scratch(host);
    struct json params = json_object();
    struct err err = {0};
    if (index > 0 && !lua_isnoneornil(L, index)) {
        luaL_checktype(L, index, LUA_TTABLE);
        if (lua_json_from(L, index, scratch, &params, &err) < 0) {
            (void)err_add(&err, "%s", method);
            return lua_host_raise(L, &err);
        }
    }
    return ask(L, host, scratch, method, &params);
}

static int api_call(lua_State *L)
{
    return ask_with_table(L, luaL_checkstring(L, 1), 2);
}

/* Methods whose parameters are all text: named by position. */
static int ask_with_words(lua_State *L, const char *method, const char *first, const char *second, bool both)
{
    struct lua_host *host = lua_host_of(L);
    const char *one = luaL_checkstring(L, 1);
    const char *two = second == NULL ? NULL : both ? luaL_checkstring(L, 2) : luaL_optstring(L, 2, NULL);
    struct arena *scratch = lua_host_scratch(host);
    struct json params = json_object();
    json_set(scratch, &params, first, json_cstring(scratch, one));
    if (two != NULL) {
        json_set(scratch, &params, second, json_cstring(scratch, two));
    }
    return ask(L, host, scratch, method, &params);
}

static int model_get(lua_State *L)
{
    return ask_with_words(L, "model.get", "uri", NULL, false);
}

static int model_files(lua_State *L)
{
    return ask_with_words(L, "model.files", "uri", NULL, false);
}

static int model_metrics(lua_State *L)
{
    return ask_with_words(L, "model.metrics", "uri", "dataset_digest", false);
}

static int model_log_metrics(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    return ask_with_table(L, "model.log_metrics", 1);
}

static int registry_register(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    return ask_with_table(L, "registry.register", 1);
}

static int registry_alias(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    return ask_with_table(L, "registry.alias", 1);
}

/* The version, nil when there is no such alias. */
static int registry_alias_get(lua_State *L)
{
    (void)ask_with_words(L, "registry.alias_get", "name", "alias", true);
    (void)lua_getfield(L, -1, "version");
    if (lua_json_is_null(L, -1)) {
        lua_pushnil(L);
    }
    return 1;
}

/* ---- the network ---- */

static int copy_member(const struct json *from, const char *key, enum json_type type, struct arena *scratch,
                       struct json *request, struct err *err)
{
    const struct json *value = json_get(from, key);
    if (value == NULL || value->type == JSON_NULL) {
        return 0;
    }
    if (value->type != type) {
        return err_set(err, ERR_INPUT, "'%s': expected %s, found %s", key, json_type_name(type),
                       json_type_name(value->type));
    }
    json_set(scratch, request, key, *value);
    return 0;
}

static int add_body(lua_State *L, const struct json *from, struct arena *scratch, struct json *request, struct err *err)
{
    if (lua_getfield(L, 1, "body") == LUA_TSTRING) {
        struct str body;
        body.p = lua_tolstring(L, -1, &body.n);
        fetch_client_set_body(scratch, request, arena_str(scratch, body));
    } else if (!lua_isnil(L, -1)) {
        return err_set(err, ERR_INPUT, "'body': expected text, found %s", luaL_typename(L, -1));
    }
    lua_pop(L, 1);
    const struct json *value = json_get(from, "json");
    if (value == NULL) {
        return 0;
    }
    if (json_get(request, "body") != NULL || json_get(request, "body_base64") != NULL) {
        return err_set(err, ERR_INPUT, "both 'body' and 'json' are given");
    }
    json_set(scratch, request, "body", json_string(scratch, json_text(scratch, value)));
    struct json headers = json_get(request, "headers") == NULL ? json_object() : *json_get(request, "headers");
    json_set(scratch, &headers, "Content-Type", json_cstring(scratch, "application/json"));
    json_set(scratch, request, "headers", headers);
    return 0;
}

/* Bodies may be bytes, which JSON cannot hold: the table is read without it. */
static int read_request(lua_State *L, struct arena *scratch, struct json *ret, const char **ret_to_file,
                        struct err *err)
{
    static const struct {
        const char *key;
        enum json_type type;
    } members[] = {{"url", JSON_STRING},     {"method", JSON_STRING}, {"headers", JSON_OBJECT},
                   {"timeout_ms", JSON_INT}, {"max_bytes", JSON_INT}, {"follow", JSON_INT}};
    struct json given = json_object();
    *ret = json_object();
    lua_pushnil(L);
    while (lua_next(L, 1) != 0) {
        struct json value;
        if (lua_type(L, -2) != LUA_TSTRING) {
            return err_set(err, ERR_INPUT, "expected {url = TEXT, ...}");
        }
        if (strcmp(lua_tostring(L, -2), "body") != 0) {
            if (lua_json_from(L, -1, scratch, &value, err) < 0) {
                return err_add(err, "'%s'", lua_tostring(L, -2));
            }
            json_set(scratch, &given, arena_strdup(scratch, lua_tostring(L, -2)), value);
        }
        lua_pop(L, 1);
    }
    json_set(scratch, ret, "timeout_ms", json_int(TIMEOUT_DEFAULT_MS));
    *ret_to_file = json_get_text(&given, "to_file", NULL);
    json_set(scratch, ret, "max_bytes", json_int(*ret_to_file == NULL ? BODY_DEFAULT_BYTES : FILE_DEFAULT_BYTES));
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (copy_member(&given, members[i].key, members[i].type, scratch, ret, err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < given.u.object.count; i++) {
        struct str key = given.u.object.members[i].key;
        if (json_get_str(ret, key) == NULL && !str_is(key, "json") && !str_is(key, "to_file")) {
            return err_set(err, ERR_INPUT, "a request has no '%.*s': expected url, method, headers, body, json, "
                           "timeout_ms, max_bytes, follow or to_file", STR_ARG(key));
        }
    }
    return add_body(L, &given, scratch, ret, err);
}

static int fetch(lua_State *L, struct json *ret_head, struct str *ret_body, struct err *err)
{
    struct lua_host *host = lua_host_of(L);
    struct arena *scratch = lua_host_scratch(host);
    struct json request = json_object();
    const char *to_file = NULL;
    const char *path = NULL;
    if (lua_type(L, 1) == LUA_TSTRING) {
        json_set(scratch, &request, "url", json_cstring(scratch, lua_tostring(L, 1)));
    } else if (read_request(L, scratch, &request, &to_file, err) < 0) {
        return -1;
    }
    if (*json_get_text(&request, "url", "") == '\0') {
        return err_set(err, ERR_INPUT, "a request without a url");
    }
    if (to_file != NULL && (path = lua_api_writable(host, to_file, scratch, err)) == NULL) {
        return -1;
    }
    if (host->sink->fetch(host->sink->ctx, &request, scratch, ret_head, ret_body, err) < 0) {
        return -1;
    }
    if (path != NULL) {
        int result = fs_write(path, *ret_body, 0644, false, err);
        *ret_body = STR("");
        return result;
    }
    return 0;
}

static int api_http(lua_State *L)
{
    struct json head = json_null();
    struct str body = STR("");
    struct err err = {0};
    if (lua_type(L, 1) != LUA_TSTRING) {
        luaL_checktype(L, 1, LUA_TTABLE);
    }
    if (fetch(L, &head, &body, &err) < 0) {
        (void)err_add(&err, "http");
        return lua_host_raise(L, &err);
    }
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, json_get_int(&head, "status", 0));
    lua_setfield(L, -2, "status");
    const struct json *headers = json_get(&head, "headers");
    const struct json none = json_object();
    lua_json_push(L, headers == NULL ? &none : headers);
    lua_setfield(L, -2, "headers");
    lua_pushlstring(L, body.p, body.n);
    lua_setfield(L, -2, "body");
    return 1;
}

void lua_api_add_ask(lua_State *L)
{
    static const luaL_Reg functions[] = {{"call", api_call}, {"http", api_http}, {NULL, NULL}};
    static const luaL_Reg model[] = {{"get", model_get},
                                     {"files", model_files},
                                     {"metrics", model_metrics},
                                     {"log_metrics", model_log_metrics},
                                     {NULL, NULL}};
    static const luaL_Reg registry[] = {
        {"register", registry_register}, {"alias", registry_alias}, {"alias_get", registry_alias_get}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
    luaL_newlib(L, model);
    lua_setfield(L, -2, "model");
    luaL_newlib(L, registry);
    lua_setfield(L, -2, "registry");
}
