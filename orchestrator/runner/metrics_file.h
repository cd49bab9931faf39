/* SPDX-License-Identifier: Apache-2.0
 * Metrics that a step left in a file, by its extension.
 *
 *     .json  {"rmse": 0.5, "test": {"r2": 0.8}}            keys of maps inside maps are joined: test/r2
 *            [{"key": "loss", "value": 0.5, "step": 1, "timestamp": 1700000000000}, ...]
 *     .csv   columns key, value and, if wanted, step and timestamp: a point for each row
 *            columns step and any others: each other column is a metric. Without `step`: the number of the row from 0
 *
 * Numbers may be written as "NaN", "Infinity" and "-Infinity". Pure.
 */
#ifndef SLUICE_RUNNER_METRICS_FILE_H
#define SLUICE_RUNNER_METRICS_FILE_H

#include "base/arena.h"
#include "base/err.h"
#include "wire/journal.h"

struct metrics_file_taker {
    void *ctx;
    /* A point; time_ms 0 when the file does not say. -1 stops the reading. */
    int (*point)(void *ctx, const struct journal_point *point, struct err *err);
    /* A value that is no number was left out: what and where. Told once for each key. */
    void (*skipped)(void *ctx, const char *text);
};

/* Errors: an unknown extension, a file that cannot be read as what it says it is, or without a single metric. */
int metrics_file_read(const char *path, struct str text, const struct metrics_file_taker *taker, struct arena *arena,
                      struct err *err);

#endif
