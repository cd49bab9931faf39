/* SPDX-License-Identifier: Apache-2.0
 * What is old goes by itself: once in as long as `gc.every` of config.yaml says, `sluice serve` sends a `sluice gc` to
 * its own door. The survey, which may take long, is in a process of its own; the server removes rows in pieces
 * (gc/beside.h), and notes each pass in the activity log.
 */
#ifndef SLUICE_CLI_SERVE_GC_H
#define SLUICE_CLI_SERVE_GC_H

#include "cli/session.h"

struct serve_gc {
    int64_t every_ms; /* as config.yaml said when the next pass was decided */
    int64_t next_ms;  /* of the monotonic clock */
};

/* After each turn: begins a pass that is due, and takes note of one that has ended. */
void serve_gc_look(struct serve_gc *gc, struct session *session, int64_t now_ms);
/* How long until it has to look; -1: it need not. */
int serve_gc_wait_ms(const struct serve_gc *gc, const struct session *session, int64_t now_ms);
/* Ends a pass that goes on: the next one goes on with it. */
void serve_gc_close(struct session *session);

#endif
