/* SPDX-License-Identifier: Apache-2.0
 * How much room the terminal on standard output has.
 */
#ifndef SLUICE_CLI_SCREEN_H
#define SLUICE_CLI_SCREEN_H

#include "cli/cli.h"

struct screen {
    int columns; /* 80 where it is not known */
    int rows;    /* 24 where it is not known */
};

struct screen screen_size(void);
/* What a line may take: the terminal's columns, or 0 for no limit without one, where programs read the lines. */
int screen_line_columns(const struct cli *cli);

#endif
