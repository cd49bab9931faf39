/* SPDX-License-Identifier: Apache-2.0
 * Delimited text as RFC 4180 has it: quoted cells with doubled quotes and line ends inside, LF, CR LF or CR. A UTF-8
 * mark at the start and empty lines are skipped. Pure.
 */
#ifndef SLUICE_RUNNER_CSV_TEXT_H
#define SLUICE_RUNNER_CSV_TEXT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/strbuf.h"

struct csv_text_reader {
    struct str rest;
    char delimiter;
    size_t line;     /* of the row that was read last; 1 is the first */
    size_t next_line;
    struct str *cells;
    size_t count;    /* cells of that row */
    size_t room;
};

/* `delimiter` 0 is ','. */
void csv_text_begin(struct csv_text_reader *reader, struct str text, char delimiter);
/* 1 with the next row in reader->cells (in `arena`, or views of the text), 0 at the end, -1 with `err` for an open or
 * stray quote. */
int csv_text_next(struct csv_text_reader *reader, struct arena *arena, struct err *err);
/* Appends a cell, in quotes where it needs them. `alone`: the only cell of its row, which may not be an empty line. */
void csv_text_put(struct strbuf *out, struct str cell, char delimiter, bool alone);

#endif
