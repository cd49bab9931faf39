/* SPDX-License-Identifier: Apache-2.0
 * Schedules by when they are to be looked at next: a binary heap, the soonest on top.
 */
#ifndef SLUICE_TRIGGER_SCHEDULE_HEAP_H
#define SLUICE_TRIGGER_SCHEDULE_HEAP_H

#include "base/vec.h"
#include "pipeline/pipeline.h"
#include "trigger/occurrences.h"

/* A schedule in memory: a copy of its row. */
struct schedule {
    const char *pipeline;
    const char *id;
    const char *cron;
    const char *timezone;
    struct timetable table;
    enum overlap overlap;
    int64_t decided_ms;
    int64_t next_ms;  /* INT64_MAX: never */
    int64_t start_ms; /* when that is to start: the order of the heap */
    int64_t ahead_ms; /* its definition was read for this start (read_ahead.c) */
    size_t rank;      /* by name: of those at one time, neighbours come together, whose rows lie on the same pages */
};

struct schedule_heap {
    VEC_OF(struct schedule *)
};

void schedule_heap_add(struct schedule_heap *heap, struct schedule *schedule);
/* The soonest, or NULL. */
struct schedule *schedule_heap_top(const struct schedule_heap *heap);
/* The time of the top was changed. */
void schedule_heap_settle(struct schedule_heap *heap);

#endif
