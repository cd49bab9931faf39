/* SPDX-License-Identifier: Apache-2.0
 * What commands that only look have in common: an open home, a body, an exit code.
 */
#ifndef SLUICE_CLI_LOOK_H
#define SLUICE_CLI_LOOK_H

#include "cli/cli.h"
#include "cli/home.h"

/* Opens the home for reading, calls `body`, and closes it. `body` returns an exit code, or -1 with `err`. */
int look(struct cli *cli, int (*body)(struct cli *cli, struct home *home, struct err *err));

#endif
