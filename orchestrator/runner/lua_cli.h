/* SPDX-License-Identifier: Apache-2.0
 * `sluice-runner lua run|test ...`: Lua steps for their authors, with a fake host.
 */
#ifndef SLUICE_RUNNER_LUA_CLI_H
#define SLUICE_RUNNER_LUA_CLI_H

/* `argv[0]` is "lua". Returns the exit code of the process. */
int lua_cli_main(int argc, char **argv);

#endif
