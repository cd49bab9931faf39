/* SPDX-License-Identifier: Apache-2.0
 * Places of groups of runs (`concurrency:`): who waits for one, who gets one. Inside of the engine.
 */
#ifndef SLUICE_ENGINE_PLACES_H
#define SLUICE_ENGINE_PLACES_H

#include "base/err.h"

#include <stdbool.h>

struct engine;
struct open_run;

/* Settles the group of a new run, from its params. ERR_INPUT in words when it is none. */
int places_group(struct engine *engine, struct open_run *open, struct err *err);
/* A new run stands in the queue: it, or others, give way as its policy says. */
int places_arrival(struct engine *engine, struct open_run *open, struct err *err);
/* Begins the run, or lets it go on; and those above it that waited for it. */
int places_begin(struct engine *engine, struct open_run *open, struct err *err);
/* Begins what may leave the queue, and says of the rest what they wait for. */
int places_give(struct engine *engine, struct err *err);
/* Is there anything in the queue that places_give would begin, or has not looked at? */
bool places_may_begin(struct engine *engine);
/* Neither the run nor one above it is queued: its steps may start. */
bool places_let(struct engine *engine, const struct open_run *open);

#endif
