/* SPDX-License-Identifier: Apache-2.0
 * `sluice run --dry-run`: what would run, in which order, with what.
 */
#ifndef SLUICE_CLI_PLAN_H
#define SLUICE_CLI_PLAN_H

#include "cli/cli.h"
#include "engine/engine.h"

/* Prints the steps in waves: a step stands in the first wave in which all it needs is done. `reused` names the runs
 * whose results would be used again, by step, as far as that can be told. Returns the exit code. */
int plan_print(const struct cli *cli, const struct engine_submission *submission, const struct json *reused);

#endif
