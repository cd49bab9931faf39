/* SPDX-License-Identifier: Apache-2.0
 * The Lua side of a step's process.
 */
#ifndef SLUICE_RUNNER_STEP_LUA_H
#define SLUICE_RUNNER_STEP_LUA_H

#include "runner/step_outcome.h"
#include "runner/step_sink.h"

struct lua_host;

/* Loads and runs spawn.lua (wire/message.h) in a host that lua_host_new has made, and frees it. What the script sets as
 * outputs is checked against spawn.collect.outputs (step_output_check), reported at once, and kept in outcome->outputs;
 * a wait is only kept. Everything in the outcome lives in the host's arena. Any error of the script is STEP_FAILED with
 * a reason. */
void lua_host_run(struct lua_host *host);

#endif
