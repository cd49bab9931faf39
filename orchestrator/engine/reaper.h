/* SPDX-License-Identifier: Apache-2.0
 * Ends the runs of clients that died: those that nobody has written for as long as config.yaml says
 * (mlflow.reap_after).
 *
 * A run of a step ends with the step, and so do the runs that its client made (store_run_end); a run whose step goes on
 * is never silent. What is left are clients that log to a server from elsewhere. So only a server reaps, and only when
 * it has listened for a while itself: clients that were waiting for it come first.
 */
#ifndef SLUICE_ENGINE_REAPER_H
#define SLUICE_ENGINE_REAPER_H

#include "base/err.h"

#include <stdint.h>

struct engine;

struct reaper {
    int64_t next_ms; /* of the next look; 0: none was taken */
};

/* In a turn: how many runs it has ended, or -1. */
int reaper_look(struct engine *engine, struct err *err);
/* How long until the next look; INT64_MAX: never. */
int64_t reaper_wait_ms(const struct engine *engine);

#endif
