/* SPDX-License-Identifier: Apache-2.0
 * Entries of the activity log as lines of JSON and of CSV (RFC 4180).
 */
#ifndef SLUICE_VIEW_ACTIVITY_TEXT_H
#define SLUICE_VIEW_ACTIVITY_TEXT_H

#include "base/arena.h"
#include "base/strbuf.h"
#include "store/activity.h"

enum activity_format { ACTIVITY_JSONL, ACTIVITY_CSV };
/* "jsonl", "csv"; NULL at the end. */
extern const char *const activity_formats[];

/* What stands before the first row; nothing of JSON. */
void activity_text_head(enum activity_format format, struct strbuf *out);
/* One row, with the end of its line. In a cell of CSV a text that a spreadsheet would take for a formula (it begins
 * with '=', '+', '-', '@', a tab or a return) has an apostrophe before it: the exact texts are those of JSON. */
void activity_text_row(enum activity_format format, const struct activity *row, struct arena *arena,
                       struct strbuf *out);
/* ERR_INPUT for another word than "done" and "refused". */
int activity_outcome_parse(const char *word, enum activity_outcome *ret, struct err *err);
extern const char *const activity_outcomes[]; /* "done", "refused"; NULL at the end */

#endif
