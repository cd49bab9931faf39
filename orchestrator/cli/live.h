/* SPDX-License-Identifier: Apache-2.0
 * A run while it runs: on a terminal a graph that is drawn again in place, with progress, elapsed time and the tail of
 * the log; elsewhere a line for each thing that happens.
 */
#ifndef SLUICE_CLI_LIVE_H
#define SLUICE_CLI_LIVE_H

#include "cli/live_graph.h"
#include "cli/session.h"
#include "view/run_view.h"

struct live;

/* `logs`: print the steps' log lines too (off a terminal). Nothing is printed with --quiet, and only to standard error
 * with --json. */
struct live *live_new(struct session *session, const char *run_id, bool logs);
void live_free(struct live *live);
/* Shows what changed since the last call. */
void live_update(struct live *live, const struct live_source *source);
/* Takes the drawing away until the next update, so that something else can be printed. */
void live_clear(struct live *live);
/* The last changes, from the store; then the drawing is taken away. */
void live_finish(struct live *live, const struct run_view *view);
/* How long a turn may wait: -1 when nothing moves by itself. */
int live_interval_ms(const struct live *live);

#endif
