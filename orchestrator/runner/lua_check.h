/* SPDX-License-Identifier: Apache-2.0
 * `sluice-runner lua check`: compiles scripts and runs none of them, for programs that have no Lua.
 *
 * Standard input is one JSON list of {"text": TEXT} or {"file": PATH}. For each a line of JSON comes out at once, in
 * their order: {} when it compiles, {"line": 3, "message": "unexpected symbol near 'end'"} when not, {"message": ...}
 * when the file cannot be read. Text chunks only, as in steps. A script for which the process runs out of its memory or
 * its time has no line, and neither have those behind it.
 */
#ifndef SLUICE_RUNNER_LUA_CHECK_H
#define SLUICE_RUNNER_LUA_CHECK_H

/* The exit code. */
int lua_check_main(void);

#endif
