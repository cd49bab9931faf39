/* SPDX-License-Identifier: Apache-2.0
 * Whether Lua scripts compile, asked of `sluice-runner lua check`: one process for all scripts of a pipeline, and none
 * for a pipeline without. It is given up after ten seconds.
 */
#ifndef SLUICE_CLI_LUA_COMPILER_H
#define SLUICE_CLI_LUA_COMPILER_H

#include "cli/cli.h"
#include "pipeline/pipeline.h"

/* Lets the check of a pipeline ask. */
void lua_compiler_join(struct cli *cli, struct pipeline_world *world);

#endif
