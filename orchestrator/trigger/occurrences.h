/* SPDX-License-Identifier: Apache-2.0
 * The occurrences of a schedule: which are due, which of those are started, and which came too late.
 *
 * Pure: the time of day is an argument. Each occurrence is decided once, in order: what was due up to `decided_ms` has
 * its outcome. An occurrence that is noticed up to OCCURRENCE_ON_TIME_MS after it was to start is on time; what is
 * noticed later (nothing ran here, or the clock was set) was missed, and `catchup` says what of it is started all the
 * same.
 */
#ifndef SLUICE_TRIGGER_OCCURRENCES_H
#define SLUICE_TRIGGER_OCCURRENCES_H

#include "base/arena.h"
#include "pipeline/pipeline.h"
#include "time/cron_expr.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    OCCURRENCE_ON_TIME_MS = 60000,
    OCCURRENCES_AT_ONCE = 10000, /* are looked at: what is left is decided the next time */
};

struct timetable {
    struct cron_expr cron;
    const struct tzif *zone;
    enum catchup catchup;
    int64_t window_ms; /* how old what was missed may be; 0: any age */
    int64_t most;      /* of what was missed, with CATCHUP_ALL */
    int64_t jitter_ms;
    uint64_t seed; /* of the jitter: timetable_seed */
};

uint64_t timetable_seed(const char *pipeline, const char *schedule);
/* The first occurrence after a time; INT64_MAX: there is none. */
int64_t occurrence_next_ms(const struct timetable *table, int64_t after_ms);
/* When an occurrence is to start: by chance up to `jitter_ms` later, and always the same. */
int64_t occurrence_start_ms(const struct timetable *table, int64_t at_ms);

struct occurrences {
    const int64_t *starts; /* to be started now, in order */
    size_t start_count;
    int64_t missed; /* so many were missed and are not started: all from `missed_from_ms` to `missed_to_ms` */
    int64_t missed_from_ms, missed_to_ms;
    const char *why;    /* in words */
    int64_t decided_ms; /* of all that is said here */
    int64_t next_ms;    /* the first that is not; INT64_MAX: there is none */
};
/* All that is due by `now_ms`, or the first part of it; texts and lists in the arena. */
void occurrences_decide(const struct timetable *table, int64_t decided_ms, int64_t now_ms, struct arena *arena,
                        struct occurrences *ret);

#endif
