/* SPDX-License-Identifier: Apache-2.0
 * Runs of pipelines and the definitions they started with.
 */
#ifndef SLUICE_STORE_PIPELINE_RUNS_H
#define SLUICE_STORE_PIPELINE_RUNS_H

#include "run/states.h"
#include "store/store.h"

#include <stdint.h>

struct pipeline_run {
    const char *run_id;
    const char *pipeline;
    int64_t number;
    int64_t revision; /* 1; 2 and more for retries: "12.2" */
    const char *definition; /* digest */
    const char *file;
    const char *folder;
    const char *workspace;
    int64_t experiment_id;
    enum run_state state;
    const char *reason; /* NULL: none */
    enum verdict verdict;
    const char *cancelling; /* NULL: not */
    bool timed_out;
    const char *params;   /* JSON */
    const char *contexts; /* JSON */
    const char *trigger;
    const char *actor;
    const char *until; /* NULL: all steps */
    int64_t seed;
    const char *retry_of;   /* NULL */
    const char *parent_run; /* NULL */
    int64_t parent_step, parent_item;
    int64_t journal_offset, journal_sequence;
    int64_t running_ms;
    int64_t running_since_ms; /* 0: not running */
    int64_t created_ms, started_ms, ended_ms; /* 0: not yet */
    int64_t priority; /* higher goes first */
    const char *concurrency_group; /* NULL: none */
};

/* "12" or "12.2", into room of 32 bytes. */
void pipeline_run_label(const struct pipeline_run *run, char room[32]);

int store_definition_put(struct store *store, const char *digest, const char *name, struct str source, int64_t now_ms,
                         struct err *err);
int store_definition_get(struct store *store, const char *digest, struct arena *arena, struct str *ret_source,
                         struct err *err);
/* The next number of a pipeline, counted up. */
int store_pipeline_next_number(struct store *store, const char *pipeline, int64_t *ret_number, struct err *err);
/* The next revision of a numbered run. */
int store_pipeline_next_revision(struct store *store, const char *pipeline, int64_t number, int64_t *ret_revision,
                                 struct err *err);
int store_pipeline_run_insert(struct store *store, const struct pipeline_run *run, struct err *err);
/* Writes state, reason, verdict, cancelling, timed_out, contexts, running times, started and ended. A terminal row
 * never changes: ERR_STATE. */
int store_pipeline_run_update(struct store *store, const struct pipeline_run *run, struct err *err);
/* The offset only grows; sequence 0 begins a new journal. */
int store_pipeline_run_offset(struct store *store, const char *run_id, int64_t offset, int64_t sequence,
                              struct err *err);
int store_pipeline_run_get(struct store *store, const char *run_id, struct arena *arena, struct pipeline_run *ret,
                           struct err *err);

struct pipeline_run_filter {
    const char *pipeline; /* NULL: all */
    bool open;            /* only those that have not ended */
    const char *parent;   /* children of this run; NULL: only runs without a parent, unless `open` */
    const char *state;    /* NULL: any */
    bool no_replays;      /* none of runs that only replay a gate (engine/replay.h); without `open` */
    size_t limit;         /* 0: 100 */
};
/* A definition that counts: an open run goes on with it, or it is that of the newest run of its pipeline that was no
 * replay, or triggers start runs of it. Each once. Of stores of any schema there has been. */
struct definition_in_force {
    const char *pipeline;
    const char *run; /* "wine/12"; NULL: it is in force, and is that of no such run */
    const char *file, *folder, *workspace;
    struct str source;
};
int store_definitions_in_force(struct store *store, struct arena *arena, struct definition_in_force **ret,
                               size_t *ret_count, struct err *err);
/* Newest first; open ones oldest first. */
int store_pipeline_run_list(struct store *store, const struct pipeline_run_filter *filter, struct arena *arena,
                            struct pipeline_run **ret, size_t *ret_count, struct err *err);
/* Finds a run by what a person writes: "12" (with `pipeline`, or when only one pipeline has it: the newest revision),
 * "12.2", "wine 12" or "wine/12" (so one that is a step of another run is found, too), "latest", a run id or at least 6
 * of its last digits, or of its first, which ids of one minute have in common. ERR_NOT_FOUND or ERR_INPUT (several) in
 * words. */
int store_pipeline_run_find(struct store *store, const char *words, struct arena *arena, struct pipeline_run *ret,
                            struct err *err);

#endif
