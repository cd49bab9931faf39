/* SPDX-License-Identifier: Apache-2.0
 * A few lines at the bottom of a terminal that are drawn again in place.
 *
 * Each drawing is one write, over the last one: nothing scrolls and nothing flickers. A line is cut at the edge of the
 * terminal, and what would move the cursor is taken out of it. Whoever prints something else on the terminal clears
 * the canvas first. It sets no mode of the terminal, so there is nothing to restore, however the program ends.
 */
#ifndef SLUICE_CLI_CANVAS_H
#define SLUICE_CLI_CANVAS_H

#include "base/str.h"

#include <stdio.h>

struct canvas;

struct canvas *canvas_new(FILE *out);
void canvas_free(struct canvas *canvas);
/* Starts a drawing; the size of the terminal is asked for again. */
void canvas_begin(struct canvas *canvas);
/* Room of the drawing that has begun; at least 20 columns and 3 lines. */
int canvas_columns(const struct canvas *canvas);
int canvas_lines(const struct canvas *canvas);
/* Adds a line; what does not fit is cut, and lines beyond the room are left out. `colour` is an escape sequence or "".
 */
void canvas_line(struct canvas *canvas, struct str text, const char *colour);
void canvas_end(struct canvas *canvas);
/* Takes the drawing away; the cursor stands where it began. */
void canvas_clear(struct canvas *canvas);

#endif
