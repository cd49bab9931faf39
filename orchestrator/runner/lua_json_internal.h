/* SPDX-License-Identifier: Apache-2.0
 * What the two directions of lua_json.h share.
 */
#ifndef SLUICE_RUNNER_LUA_JSON_INTERNAL_H
#define SLUICE_RUNNER_LUA_JSON_INTERNAL_H

#include "runner/lua_json.h"

/* Is the table at `index` marked as a list? */
bool lua_json_is_marked(lua_State *L, int index);
/* Pushes what is behind a locked table, or the table itself. */
void lua_json_push_content(lua_State *L, int index);

#endif
