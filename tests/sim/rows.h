/* SPDX-License-Identifier: Apache-2.0
 * All that the store holds, as text that is the same whenever the same has happened: ids by the names of what they
 * are, no times, sorted.
 */
#ifndef SLUICE_SIM_ROWS_H
#define SLUICE_SIM_ROWS_H

#include "invariants.h"
#include "base/strbuf.h"

/* Adds a line for each row. */
void rows_write(struct judge *judge, struct strbuf *out);
/* The same of a text that is not in the store, of one line. */
void rows_write_text(struct judge *judge, const char *text, struct strbuf *out);
/* Notes the ids that the texts above may hold. */
void rows_names(struct judge *judge);

#endif
