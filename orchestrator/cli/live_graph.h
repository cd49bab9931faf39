/* SPDX-License-Identifier: Apache-2.0
 * The graph of a run that moves, as lines of a canvas: each step with its state, its time, its progress, or what it
 * waits for; below it the items of a matrix, or as many of them as there is room for; then the end of the log.
 */
#ifndef SLUICE_CLI_LIVE_GRAPH_H
#define SLUICE_CLI_LIVE_GRAPH_H

#include "cli/canvas.h"
#include "cli/cli.h"
#include "run/run.h"
#include "store/store.h"

enum { LIVE_TAIL_LINES = 5 };

/* A run as it is now, and who knows of its progress. */
struct live_source {
    const struct run *run; /* NULL: it is gone */
    const struct run_changes *changes; /* NULL: anything may have changed since the last look */
    double (*progress)(void *ctx, struct run_place place, const char **ret_text); /* as engine_progress */
    void *ctx;
};

struct live_graph {
    const struct cli *cli;
    struct store *store; /* says who holds what a step waits for */
    const struct live_source *source;
    int64_t now_ms;
    struct str tail[LIVE_TAIL_LINES]; /* the oldest first; empty ones are left out */
};

void live_graph_draw(const struct live_graph *graph, struct canvas *canvas);

#endif
