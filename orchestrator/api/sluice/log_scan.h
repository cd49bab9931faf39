/* SPDX-License-Identifier: Apache-2.0
 * The lines that a run's steps printed, read from its journal from any place on.
 */
#ifndef SLUICE_API_SLUICE_LOG_SCAN_H
#define SLUICE_API_SLUICE_LOG_SCAN_H

#include "store/steps.h"
#include "wire/journal.h"

/* Between two lines: the frame that begins at the offset, and so many of its lines before. It is written
 * "OFFSET.SEQUENCE.LINES". */
struct log_place {
    int64_t offset;
    uint64_t sequence; /* of the frame before */
    int64_t lines;
};

struct log_line {
    int64_t at_ms;
    const char *step;
    int64_t item, attempt;
    const char *stream; /* "stdout", "stderr", "step" */
    struct str text;
    struct log_place behind;
};

/* What is wanted; NULL and 0 or -1 (of `item`): any. */
struct log_filter {
    const char *step;
    int64_t item;
    int64_t attempt; /* 1, 2, ... of its step */
    const char *stream;
};

enum { LOG_ATTEMPTS = 256 };

struct log_scan {
    const char *path; /* of the journal */
    struct log_filter filter;
    struct log_place place;
    struct journal_reader *reader; /* NULL: the file is not there yet */
    struct {
        int64_t id; /* 0: nobody */
        int64_t item, number;
        char step[256];
    } attempts[LOG_ATTEMPTS]; /* those met last, each at its id's place */
};

extern const char *const log_streams[]; /* NULL at the end */

/* Reads on, for some hundred kilobytes of the journal, and calls `take` for each line that is wanted: 1 when there may
 * be more at once, 0 when there is no more yet, -1. When `take` returns 1 it ends there, and the next goes on behind
 * that line. */
int log_scan_some(struct log_scan *scan, struct store *store, int (*take)(void *ctx, const struct log_line *line),
                  void *ctx, struct err *err);
void log_scan_close(struct log_scan *scan);
/* ERR_INPUT for what is no place. */
int log_place_read(struct str text, struct log_place *ret, struct err *err);

#endif
