/* SPDX-License-Identifier: Apache-2.0
 * The graph of a run that moves, as lines of a canvas: each step with its state, its time, its progress, or what it
 * waits for; below it the items of a matrix, or as many of them as there is room for; then the end of the log.
 */
#ifndef SLUICE_CLI_LIVE_GRAPH_H
#define SLUICE_CLI_LIVE_GRAPH_H

#include "cli/canvas.h"
#include "cli/cli.h"
#include "engine/engine.h"

enum { LIVE_TAIL_LINES = 5 };

struct live_graph {
    const struct cli *cli;
    struct engine *engine;
    const struct run *run;
    int64_t now_ms;
    struct str tail[LIVE_TAIL_LINES]; /* the oldest first; empty ones are left out */
};

void live_graph_draw(const struct live_graph *graph, struct canvas *canvas);

#endif
