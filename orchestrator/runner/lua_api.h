/* SPDX-License-Identifier: Apache-2.0
 * The table `sluice` of a script. Each part's file begins with its functions and their arguments.
 *
 *   params, inputs, steps, matrix, run, env, secrets, resumed   read-only, from the spawn message
 *   step            {dir, state, id, item, attempt, run_id, pipeline, workspace}
 *   log, param, metric, tag, artifact, output, progress, cancelled, fail, refuse, wait      lua_api_records.c
 *   call, model, registry, http                                                             lua_api_ask.c
 *   json, csv, file                                                                         lua_api_files.c
 *
 * A function that cannot do what it is told raises an error; there are no error codes to forget.
 */
#ifndef SLUICE_RUNNER_LUA_API_H
#define SLUICE_RUNNER_LUA_API_H

#include "runner/lua_host.h"

/* Sets the global `sluice`. In protected mode. */
void lua_api_open(lua_State *L);

/* Each adds its part to the table on top of the stack. */
void lua_api_add_records(lua_State *L);
void lua_api_add_ask(lua_State *L);
void lua_api_add_files(lua_State *L);

/* The argument as text: strings and numbers as they are, booleans as words, tables as JSON; nothing else. In
 * scratch. */
int lua_api_text(lua_State *L, int index, struct arena *scratch, struct str *ret_text, struct err *err);
/* An absolute path that a script may read, or NULL: below the workspace, the step's folders, the home's artifacts, or
 * an input; not the home itself. Links are followed first. */
const char *lua_api_readable(const struct lua_host *host, const char *path, struct arena *scratch, struct err *err);
/* An absolute path that a script may write, or NULL: below sluice.step.dir or sluice.step.state. */
const char *lua_api_writable(const struct lua_host *host, const char *path, struct arena *scratch, struct err *err);

#endif
