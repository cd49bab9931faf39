/* SPDX-License-Identifier: Apache-2.0
 * What a command does when another sluice holds the home: it has its wish done through the door, and looks on.
 */
#ifndef SLUICE_CLI_AWAY_H
#define SLUICE_CLI_AWAY_H

#include "base/json.h"
#include "cli/cli.h"
#include "store/pipeline_runs.h"

/* The run named by the command's first argument, read beside whoever writes; ERR_STATE in words when it has ended:
 * there is nothing to `verb`. `*ret_home` is the home's folder. */
int away_find_run(struct cli *cli, const char *verb, const char **ret_home, struct pipeline_run *ret_row,
                  struct err *err);
/* Waits until the run has ended: 1 with its row; 0 when the holder has gone and left it open: the home can be taken. */
int away_await_end(struct cli *cli, const char *run_id, struct pipeline_run *ret_row, struct err *err);

#endif
