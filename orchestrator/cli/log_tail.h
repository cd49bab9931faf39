/* SPDX-License-Identifier: Apache-2.0
 * The last lines that the failed steps of a run printed: what one looks for first.
 */
#ifndef SLUICE_CLI_LOG_TAIL_H
#define SLUICE_CLI_LOG_TAIL_H

#include "cli/cli.h"
#include "cli/home.h"
#include "view/run_view.h"

#include <stdio.h>

/* Of the last attempt of the first few that failed; nothing when none of them printed. A refusal is no failure: the
 * gates say more about it. */
void log_tail_print(const struct cli *cli, const struct home *home, const struct run_view *view, FILE *out);

#endif
