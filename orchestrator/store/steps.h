/* SPDX-License-Identifier: Apache-2.0
 * Rows of steps and their items, of attempts, and of the questions attempts asked.
 */
#ifndef SLUICE_STORE_STEPS_H
#define SLUICE_STORE_STEPS_H

#include "run/run.h"
#include "store/store.h"

#include <stdint.h>

/* Writes the row of an item, or of the whole step. */
int store_item_put(struct store *store, const struct run *run, struct run_place place, struct err *err);
int store_step_put(struct store *store, const struct run *run, size_t step, struct err *err);
/* Every row of the run that has no end yet is cancelled. */
int store_steps_cancel(struct store *store, const char *run_id, const char *reason, int64_t now_ms, struct err *err);
/* All rows of a new run at once. */
int store_steps_insert(struct store *store, const struct run *run, struct err *err);
/* Puts every row of the run back into `run` (run_load_item, run_load_step); run_resume is the caller's. */
int store_steps_load(struct store *store, struct run *run, struct err *err);

/* An item of any run: 1 with it, 0 when there is none, -1. */
int store_item_get(struct store *store, const char *run_id, struct run_place place, struct arena *arena,
                   struct run_item *ret, struct err *err);

/* The published artifacts {NAME: path} of a step of any run; an empty map when there are none. */
int store_step_artifacts(struct store *store, const char *run_id, const char *step, struct arena *arena,
                         struct json *ret, struct err *err);

struct attempt_row {
    int64_t id;
    const char *run_id;
    int64_t position, item, number;
    enum attempt_state state;
    const char *reason; /* NULL: none */
    const char *mark;
    const char *step_run_id;
    const char *runner;
    const char *boot_id;
    int64_t pid, start_ticks; /* 0: not known */
    int64_t session;          /* of the runner that was about to start it; 0: not known */
    bool spawning;
    const char *exit;   /* JSON or NULL */
    const char *result; /* JSON or NULL */
    const char *wait;   /* JSON or NULL */
    bool early;         /* its row is older than the knowledge whether it has begun: `spawning` says so */
    const char *stopping; /* why it is to be stopped ("cancel", "timeout"); NULL: it is not */
    int64_t started_ms, ended_ms;
};
/* With its id, or 0 for the next free one, which is set. */
int store_attempt_insert(struct store *store, struct attempt_row *attempt, struct err *err);
/* An early one has never begun: its row goes, that of its item, and its MLflow run. */
int store_attempt_take_back(struct store *store, const struct attempt_row *attempt, struct err *err);
/* The highest id that is in use, or was given out. */
int store_attempt_last_id(struct store *store, int64_t *ret, struct err *err);
/* Has the run an attempt that was given to a runner in another boot of the machine? 1, 0 or -1. */
int store_attempts_of_another_boot(struct store *store, const char *run_id, const char *boot_id, struct err *err);
/* From now on nobody else gets an id up to this one. */
int store_attempt_ids_give(struct store *store, int64_t upto, struct err *err);
/* Writes state, reason, runner, boot_id, pid, start_ticks, session, spawning, exit, result, wait, stopping, ended_ms. A
 * terminal row never changes. What has no process any more gives back what it held (store/leases.h). */
int store_attempt_update(struct store *store, const struct attempt_row *attempt, struct err *err);
int store_attempt_get(struct store *store, int64_t id, struct arena *arena, struct attempt_row *ret, struct err *err);
/* The step and the pipeline run that an attempt is of, and who began that run: 1, or 0 when there is none such. */
struct attempt_origin {
    const char *step;
    const char *run_id;
    const char *pipeline;
    const char *label; /* "12", "12.2" */
    const char *actor;
};
int store_attempt_origin(struct store *store, int64_t id, struct arena *arena, struct attempt_origin *ret,
                         struct err *err);
/* The attempts of a run in order of id. */
int store_attempt_list(struct store *store, const char *run_id, struct arena *arena, struct attempt_row **ret,
                       size_t *ret_count, struct err *err);
/* Calls `take` for each attempt that has not ended, in order of id: there may be many. The row is gone with the call,
 * which must not use the store. */
int store_attempts_open(struct store *store, void (*take)(void *ctx, const struct attempt_row *attempt), void *ctx,
                        struct err *err);

int store_call_put(struct store *store, int64_t attempt, int64_t seq, struct str reply, struct err *err);
/* 1 with the reply, 0 when there is none, -1 on errors. */
int store_call_get(struct store *store, int64_t attempt, int64_t seq, struct arena *arena, struct str *ret_reply,
                   struct err *err);

#endif
