/* SPDX-License-Identifier: Apache-2.0
 * Groups of runs that share a number of places (`concurrency:` of pipelines): who must wait, who gives way.
 *
 * A run that runs holds a place; one that is queued, or waits for a person or a time, holds none. A run that waited
 * comes before those that have not begun.
 */
#ifndef SLUICE_RUN_CONCURRENCY_H
#define SLUICE_RUN_CONCURRENCY_H

#include "pipeline/pipeline.h"
#include "run/states.h"

#include <stddef.h>

enum fate {
    FATE_STAYS,
    FATE_SKIPPED,    /* the newcomer: there is no place, and it does not wait */
    FATE_SUPERSEDED, /* queued: a newer one takes its place in the queue */
    FATE_CANCELLED,  /* runs: it makes room for the newcomer */
};

/* A run of one group that has not ended. */
struct member {
    enum run_state state;
    bool begun;
    bool cancelling;
    int64_t priority;
    int64_t created_ms;
    int64_t number;
    enum fate fate; /* out */
};

/* Settles what becomes of each member when `members[newcomer]`, which is queued, has just come, by its policy. */
void group_arrival(struct member *members, size_t count, size_t newcomer, enum concurrency_policy policy,
                   int64_t limit);
/* How many hold a place. */
int64_t group_held(const struct member *members, size_t count);
/* Below 0 when `a` gets a place before `b`; never 0 for two of one pipeline. */
int group_order(const struct member *a, const struct member *b);

#endif
