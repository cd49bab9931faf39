/* SPDX-License-Identifier: Apache-2.0
 * Where the text of a scalar stands in its file.
 *
 * YAML folds lines, drops indentation and reads escapes: byte 20 of a text is seldom 20 characters behind its first. A
 * place in a text is therefore carried as a struct pos whose line is negative (which scalar) and whose column is an
 * offset in bytes; adding to the column goes on in the text. It is looked up in the source when someone asks: diag_add
 * does for messages, expr_parse for what an expression says of itself at run time. Walking on from the last place asked
 * for is what it costs; nothing is kept for texts that nobody asks about.
 */
#ifndef SLUICE_PIPELINE_SCALAR_SOURCE_H
#define SLUICE_PIPELINE_SCALAR_SOURCE_H

#include "pipeline/diag.h"

/* The place of the first byte of a scalar's text. `start` is where the scalar stands (its quote, its '|' or '>', its
 * first letter) in diags->text; `text` is what the parser made of it, and stays as long as
 * `diags->scratch`, which all of this is in. */
struct pos scalar_source_add(struct diags *diags, struct pos start, struct str text);
/* The byte of the file at which a line and column stand. Quick for places in the order of the file. */
size_t scalar_source_offset(struct diags *diags, struct pos pos);
/* Line and column of a place. One that has them already stays as it is. */
struct pos scalar_source_find(struct diags *diags, struct pos place);
/* The same for each of the `count` bytes behind `place`, and for the one behind them: room for count + 1. */
void scalar_source_find_all(struct diags *diags, struct pos place, size_t count, struct pos *ret);

#endif
