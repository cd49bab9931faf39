/* SPDX-License-Identifier: Apache-2.0
 * Values between Lua and JSON.
 *
 *   nil                      null
 *   sluice.json.null         null; what null in a list, or in text that is decoded, becomes
 *   boolean, string          the same; text must be UTF-8
 *   integer, float           integer, number; NaN and the infinities are refused: JSON has no word for them
 *   table 1..n               list
 *   table with text keys     map; written in the order of its keys' bytes
 *   {}                       map, but list when it came from JSON or sluice.json.array
 *
 * Anything else is refused by its place ("a.b[3]"). Metamethods are not called, so that no script runs meanwhile.
 */
#ifndef SLUICE_RUNNER_LUA_JSON_H
#define SLUICE_RUNNER_LUA_JSON_H

#include "base/json.h"

#include <lua.h>

enum { LUA_JSON_DEPTH_MAX = 64, LUA_JSON_MAX_BYTES = 256 << 20 };

/* What sluice.json.null and the marks of lists need; before anything else here. */
void lua_json_open(lua_State *L);
/* The value at `index` as JSON in `arena`, of which it takes LUA_JSON_MAX_BYTES at most. */
int lua_json_from(lua_State *L, int index, struct arena *arena, struct json *ret_value, struct err *err);
/* Pushes a value that the script may change. Null becomes sluice.json.null. */
void lua_json_push(lua_State *L, const struct json *value);
/* Pushes a value that the script may only read, all through. Members of maps that are null are left out. */
void lua_json_push_locked(lua_State *L, const struct json *value);
void lua_json_push_null(lua_State *L);
bool lua_json_is_null(lua_State *L, int index);
/* Marks the table at `index` as a list. A table that has a metatable of its own is left alone: false. */
bool lua_json_mark_array(lua_State *L, int index);
/* Replaces the table on top of the stack by one that reads the same and cannot be written. With a `hint`, a key that is
 * not there is an error that says `name` ("sluice.secrets") and the hint; else both are NULL. */
void lua_json_lock(lua_State *L, const char *name, const char *hint);

#endif
