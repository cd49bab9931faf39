/* SPDX-License-Identifier: Apache-2.0
 * A command or shell step, in the child: its environment, its arguments, its script.
 */
#ifndef SLUICE_RUNNER_CHILD_EXEC_H
#define SLUICE_RUNNER_CHILD_EXEC_H

#include "base/err.h"
#include "base/json.h"

/* Makes spawn.env the environment of this process, in `arena`. */
int child_take_environment(const struct json *spawn, struct arena *arena, struct err *err);
/* Becomes the program. Returns only when that fails: the exit code that says how (125, 126, 127), and why in `err`. */
int child_exec(const struct json *spawn, struct arena *arena, struct err *err);

#endif
