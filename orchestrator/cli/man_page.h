/* SPDX-License-Identifier: Apache-2.0
 * Man pages, written from the table of commands.
 */
#ifndef SLUICE_CLI_MAN_PAGE_H
#define SLUICE_CLI_MAN_PAGE_H

#include "cli/cli.h"

#include <stdio.h>

/* The page (roff, section 1) of a command; of the whole program when `command` is NULL. */
void man_page(const struct command *command, FILE *out);

#endif
