/* SPDX-License-Identifier: Apache-2.0
 * A step's memory, where the kernel does not limit it (step_group.h): what all its processes use together is looked at
 * every 250 ms, and when it is more than the step asked for, the step is stopped by the ladder. Between two looks it
 * can be more: this keeps honest steps apart, it is no wall.
 */
#ifndef SLUICE_RUNNER_MEMORY_WATCH_H
#define SLUICE_RUNNER_MEMORY_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct supervised;

/* Looks, if it is time. Returns when to look again, or INT64_MAX. */
int64_t memory_watch_tick(struct supervised *attempt, int64_t now_ms);
/* The bytes that a process holds: its share of pages that it has in common with others (PSS) when `exact`, else all of
 * them, which costs the kernel nothing to say. `proc` is "/proc" but in tests. 0 when it is gone. */
int64_t memory_of_process(const char *proc, int64_t pid, bool exact);

#endif
