/* SPDX-License-Identifier: Apache-2.0
 * A line that a step printed, for a terminal.
 *
 * A step may have read it anywhere, and it must not move the cursor, rename the window or hide what stands above. Text,
 * tabs and colours (ESC [ digits ; m) stay; other control characters become '?'.
 */
#ifndef SLUICE_CLI_LOG_LINE_H
#define SLUICE_CLI_LOG_LINE_H

#include "base/arena.h"
#include "base/str.h"

#include <stdio.h>

/* Prints "name | line". On a terminal as said above, and each piece that a carriage return ends is a line of its own,
 * as a progress bar has them; elsewhere the bytes as they are. */
void log_line_print(FILE *out, bool terminal, const char *name, struct str line);
/* The bytes at the front that are a colour; 0: none. */
size_t log_line_colour(struct str text);

#endif
