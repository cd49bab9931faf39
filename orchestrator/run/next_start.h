/* SPDX-License-Identifier: Apache-2.0
 * Who starts next, when several steps are ready and not all can have what they ask for.
 *
 * Nothing starts without a free slot, though a step that is a pipeline takes none: so its runs begin as others end.
 *
 * A step of a higher priority comes first. Among equals the pipeline that holds the fewest slots comes first, then the
 * one that has started something longest ago; so also among the runs of a pipeline, and the parts of a run. A step that
 * does not find what it asks for lets others pass, so that nothing stands idle; but when OVERTAKEN_MAX steps have taken
 * what it lacks, it comes first, and all that it asks for is kept for it until it starts. So nobody waits for ever
 * behind steps that ask for less.
 */
#ifndef SLUICE_RUN_NEXT_START_H
#define SLUICE_RUN_NEXT_START_H

#include "pipeline/resources.h"

#include <stddef.h>

enum { OVERTAKEN_MAX = 10 };

/* What there is of a resource, and what live attempts hold of it. */
struct stock {
    struct resource_supply of;
    int64_t used;
};

/* The first of those that ask for the same in one run: only it is looked at. */
struct starter {
    int64_t priority;
    int64_t pipeline_held, root_held;           /* slots */
    int64_t pipeline_turn, root_turn, run_turn; /* count of starts when it has started something last */
    int64_t arrived;                            /* order within its run */
    int overtaken;
    const struct resource_ask *asks;
    size_t ask_count;
    bool passed;     /* out: what is started now takes something that it lacks, and it came first */
};

/* The index of the one that starts now, or -1 when none can. `stocks[0]` are the slots, of which one is free: who asks
 * has looked. What asks for more than there is never starts. */
ptrdiff_t next_start(struct starter *starters, size_t count, const struct stock *stocks, size_t stock_count);

#endif
