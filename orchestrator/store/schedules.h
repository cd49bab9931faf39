/* SPDX-License-Identifier: Apache-2.0
 * Schedules of the definitions in force, up to when each is decided, and ranges of them that are run anew (backfills).
 */
#ifndef SLUICE_STORE_SCHEDULES_H
#define SLUICE_STORE_SCHEDULES_H

#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct schedule_row {
    const char *pipeline;
    const char *schedule;
    const char *cron;
    const char *timezone;
    const char *catchup; /* none one all */
    int64_t window_ms;   /* 0: any age */
    int64_t most;
    int64_t jitter_ms;
    const char *overlap; /* allow skip queue queue_one cancel_running */
    bool in_force;
    int64_t decided_ms; /* what was due up to here has its outcome */
    int64_t next_ms;    /* 0: nothing is due any more */
    int64_t missed;
    int64_t paused_ms; /* 0: it is not paused */
    const char *paused_by;
    const char *pause_reason;
};

/* What is read is what is in force, also of a commit that is still being settled (store/coming.h); what is written is
 * of a pipeline of which nothing is coming. */

/* All of it but `missed` and the pause, which stay as they are. */
int store_schedule_put(struct store *store, const struct schedule_row *row, struct err *err);
/* No definition in force has the schedules of a pipeline any more. */
int store_schedules_out_of_force(struct store *store, const char *pipeline, struct err *err);
/* How far it is decided, what is next, and so many more that were missed. */
int store_schedule_decided(struct store *store, const struct schedule_row *row, int64_t missed, struct err *err);
/* Paused at `row->paused_ms` (0: not any more), by whom and why. */
int store_schedule_pause(struct store *store, const struct schedule_row *row, struct err *err);
/* ERR_NOT_FOUND with the nearest id. Also of one that is not in force. */
int store_schedule_get(struct store *store, const char *pipeline, const char *schedule, struct arena *arena,
                       struct schedule_row *ret, struct err *err);
/* Of one pipeline, or of all (NULL), by pipeline and id; those in force, or all. */
int store_schedule_list(struct store *store, const char *pipeline, bool all, struct arena *arena,
                        struct schedule_row **ret, size_t *ret_count, struct err *err);

/* ---- backfills -------------------------------------------------------------------------------------------------- */

struct backfill_row {
    int64_t id;
    const char *pipeline;
    const char *schedule;
    int64_t from_ms; /* occurrences from here on */
    int64_t to_ms;   /* and before here */
    const char *reprocess; /* none failed completed */
    int64_t most;          /* runs at once */
    bool reverse;
    const char *actor;
    const char *state; /* open done cancelled */
    int64_t at_ms;     /* the last occurrence that has its outcome; INT64_MIN: none has */
    int64_t started;
    int64_t skipped;
    int64_t created_ms;
    int64_t ended_ms; /* 0: it is open */
};

/* Sets `row->id`. */
int store_backfill_insert(struct store *store, struct backfill_row *row, struct err *err);
/* State, at_ms, started, skipped, ended_ms; one that has ended stays as it is: ERR_STATE. */
int store_backfill_update(struct store *store, const struct backfill_row *row, struct err *err);
int store_backfill_get(struct store *store, int64_t id, struct arena *arena, struct backfill_row *ret, struct err *err);
/* The open ones, oldest first. */
int store_backfill_open(struct store *store, struct arena *arena, struct backfill_row **ret, size_t *ret_count,
                        struct err *err);
struct backfill_filter {
    const char *pipeline; /* NULL: all */
    const char *state;    /* NULL: all */
    int64_t before;       /* only with lower ids; 0: all */
    size_t limit;
};
/* Newest first. */
int store_backfill_list(struct store *store, const struct backfill_filter *filter, struct arena *arena,
                        struct backfill_row **ret, size_t *ret_count, struct err *err);

#endif
