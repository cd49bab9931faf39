/* SPDX-License-Identifier: Apache-2.0
 * A run of a pipeline, decided by pure functions: event + state -> new state + what is to be done.
 *
 * Nothing here does I/O or asks the time: events carry it. The engine turns the changes into rows and the actions into
 * messages; the rows of a run, loaded by run_load_item and run_resume, give the same state again after a restart.
 * A run and all its values live in one arena.
 */
#ifndef SLUICE_RUN_RUN_H
#define SLUICE_RUN_RUN_H

#include "base/json.h"
#include "base/vec.h"
#include "pipeline/pipeline.h"
#include "run/states.h"

#include <stdbool.h>
#include <stdint.h>

/* So often an item is started again to put right what an attempt has left half done, whatever its `retry` says. */
enum { RUN_MOST_REPAIRS = 3, RUN_REPAIR_DELAY_MS = 5000 };

/* One matrix item of a step; a step without a matrix has exactly one, number 0. */
struct run_item {
    enum step_state state;
    const char *reason; /* why skipped, failed, waiting; NULL: nothing to say */
    int attempts;       /* started so far; the number of the live or last one */
    int64_t due_ms;     /* of DELAYED */
    int64_t started_ms; /* of the first attempt; 0: none */
    int64_t ended_ms;
    char key[20];       /* "" without a matrix, else index and 8 hex digits of the item: "3-9f2c01ab" */
    struct json matrix; /* the item's values, or null */
    struct json outputs;
    struct json artifacts; /* NAME: path */
    struct json metrics;   /* of the last attempt's run, set when it ends */
    const char *model_id;  /* NULL: none */
    const char *model_uri;
    const char *step_run_id;  /* MLflow run of the last attempt; NULL: none */
    const char *child_run_id; /* of a sub-pipeline */
    const char *carried_from; /* "12" when the result is that of another run */
    const char *refused_by;   /* a gate said no: the rule; NULL otherwise */
    bool gate_passed;         /* a gate said yes */
    bool resumed;             /* its next start continues the same attempt after a wait */
    bool reused;              /* carried_from is where a kept result came from: no attempt was needed */
    bool reserved;            /* ready, and nobody takes it from its queue: run_reserve */
    int owes;                 /* 0: nothing; 1: it has changed something outside that must not stay as it is; more: so
                               * many attempts less one were made to put that right */
    int64_t arrived;          /* when it last became ready, in the order of all of the run */
};

struct run_step {
    enum step_state state; /* of the whole step */
    const char *reason;
    bool expanded;       /* its items exist */
    bool after_failure;  /* skipped because something before it failed */
    bool refused;        /* a gate in it, or before it, said no */
    bool wanted;         /* false: not needed for --until */
    struct run_item *items;
    const struct run_item *earlier; /* as they ended in another run: those that succeeded need not run again */
    size_t earlier_count;
    const char *only;    /* key of the one item of its matrix that runs; NULL: all do */
    size_t item_count;
    size_t items_done;
    size_t items_live;   /* ready, active, delayed or waiting */
    size_t next_item;    /* none before it is pending */
    size_t unmet;        /* needs that are not terminal */
    size_t queue;        /* of struct run: where its ready items stand */
    size_t *dependents;  /* steps that need this one */
    size_t dependent_count;
};

struct run_place {
    size_t step;
    size_t item;
};

/* A ready item. */
struct run_waiting {
    struct run_place place;
    int64_t arrived; /* order among all of the run */
    int overtaken;   /* how many have started that took what it lacked: run/next_start.h */
};

/* Ready items that ask for the same resources, in order; taken from `taken`. */
struct run_queue {
    VEC_OF(struct run_waiting)
    size_t taken;
};

struct run {
    struct arena *arena;
    const struct pipeline *pipeline;
    const char *run_id;
    uint64_t seed; /* of jitter */
    enum run_state state;
    const char *reason;
    enum verdict verdict;
    bool grouped; /* it runs only while it has a place of its group: run/concurrency.h */
    bool begun;   /* RUN_EVENT_BEGIN has come */
    bool cancelling;
    const char *cancel_reason;
    bool timed_out;
    struct json params;
    struct json info; /* the context `run`: id, number, name, trigger, scheduled_for */
    struct json git;  /* the context `git` */
    struct json vars;
    struct json secrets; /* names to "***": the real values are put in by the engine when it starts an attempt */
    /* hashFiles of expressions: set by the engine, NULL: not available. */
    int (*hash_files)(void *ctx, const struct str *globs, size_t count, struct arena *arena, struct json *ret,
                      struct err *err);
    void *hash_ctx;
    struct run_step *steps;
    size_t done;      /* terminal steps */
    struct run_queue *queues;
    size_t queue_count;
    int64_t arrivals;
    struct {
        VEC_OF(size_t)
    } due; /* pending steps whose needs are all terminal: worked off within run_apply */
};

/* ---- what comes out ---------------------------------------------------------------------------- */
enum run_action_kind {
    RUN_ACTION_STOP,         /* stop the live attempt of the item; text: why ("cancel") */
    RUN_ACTION_WITHDRAW,     /* end the waiting attempt of the item and drop its wait, if open; text: why */
    RUN_ACTION_CANCEL_CHILD, /* cancel the child run of the item */
    RUN_ACTION_WAKE,         /* send RUN_EVENT_DUE at at_ms */
};
struct run_action {
    enum run_action_kind kind;
    struct run_place place;
    int64_t at_ms;
    const char *text;
};
enum { RUN_RECENT = 64 };
struct run_changes {
    struct {
        VEC_OF(struct run_place)
    } items; /* each at most once */
    struct {
        VEC_OF(size_t)
    } steps; /* the whole step's row */
    struct {
        VEC_OF(struct run_action)
    } actions;
    bool run; /* the run's own row */
    /* For who looks on, and kept when the changes are recorded: change number i was of the step
     * recent[i % RUN_RECENT]. */
    uint64_t revision; /* changes so far */
    size_t recent[RUN_RECENT];
};
/* Forgets all but `revision` and `recent`. */
void run_changes_clear(struct run_changes *changes);

/* ---- what goes in ------------------------------------------------------------------------------ */
enum run_event_kind {
    RUN_EVENT_BEGIN,         /* queued -> running: the first steps become ready, or it goes on after a wait */
    RUN_EVENT_ENDED,         /* the live attempt of an item ended: `ended`, exit_code, reason */
    RUN_EVENT_NOT_BEGUN,     /* it was taken early, and never began: its step waits for its needs as before */
    RUN_EVENT_WAITING,       /* it waits: reason says for what */
    RUN_EVENT_REUSED,        /* no attempt is needed: `kept` of run `kept_from` is its result */
    RUN_EVENT_WAIT_OVER,     /* what it waited for came, was refused, or expired: the same attempt goes on */
    RUN_EVENT_DUE,           /* the time has come for delayed items */
    RUN_EVENT_CANCEL,        /* reason: by whom and why */
    RUN_EVENT_TIMEOUT,       /* the run's own timeout */
};
struct run_event {
    enum run_event_kind kind;
    struct run_place place;
    int64_t now_ms;
    enum attempt_state ended; /* SUCCEEDED FAILED TIMED_OUT CANCELLED LOST */
    bool refused;             /* of FAILED: a gate said no. Never retried. */
    bool no_retry;            /* of LOST: processes of the attempt survive */
    bool out_of_memory;
    int exit_code;            /* -1: none */
    const char *reason;       /* copied */
    const struct run_item *kept; /* of REUSED; copied */
    const char *kept_from;    /* "11" */
};

/* ---- making one --------------------------------------------------------------------------------- */
struct run_options {
    const char *until;  /* step id: only it and what it needs; NULL: all */
    uint64_t seed;
};
/* A queued run with all steps pending. `pipeline` must outlive it. */
struct run *run_new(const struct pipeline *pipeline, const char *run_id, const struct run_options *options);
void run_free(struct run *run);
/* Takes a step over from another run, before BEGIN: its end and its items as they are there (copied deeply). It does
 * not run, whatever that end was. */
void run_carry(struct run *run, size_t step, const struct run_step *from, const char *from_number);
/* Takes over the items that succeeded in a step that did not: those that the step's matrix has again, at the same place
 * with the same values, are done when it is expanded; only the others run. Its needs must all be carried. */
void run_carry_items(struct run *run, size_t step, const struct run_step *from, const char *from_number);
/* Of the step's matrix only the item with this key (copied) runs, before and after a restart: said before the step is
 * settled, each time that the run is made or loaded. */
void run_only_item(struct run *run, size_t step, const char *key);
/* Marks the steps that a retry must run again: `from` and everything that depends on it. */
void run_mark_below(const struct pipeline *pipeline, size_t from, bool *marks);

/* ---- loading after a restart ---------------------------------------------------------------------- */
/* Puts an item's row back (items in order; `item` is copied as it is, its values must live in run->arena). */
void run_load_item(struct run *run, struct run_place place, const struct run_item *item);
/* Puts a step's row back. Then, once all rows are in, run_resume rebuilds counters and the ready queue. */
void run_load_step(struct run *run, size_t step, enum step_state state, const char *reason, bool expanded,
                   bool after_failure, bool refused, bool wanted);
void run_resume(struct run *run, struct run_changes *changes);

/* ---- deciding --------------------------------------------------------------------------------------- */
void run_apply(struct run *run, const struct run_event *event, struct run_changes *changes);
/* Takes the next item that may start, marks it active and counts its attempt (unless it goes on after a wait). False:
 * none. */
bool run_take_ready(struct run *run, int64_t now_ms, struct run_changes *changes, struct run_place *ret_place);
/* The ready item that has waited longest, reserved ones aside; NULL: none. Valid until anything becomes ready. */
const struct run_waiting *run_first_ready(struct run *run);
/* A ready item that somebody else may begin: it leaves its queue, and run_take alone still takes it. */
void run_reserve(struct run *run, struct run_place place);
bool run_is_reserved(const struct run *run, struct run_place place);
/* Nobody else will begin it: it goes back to its queue, to where it stood. */
void run_release(struct run *run, struct run_place place);
/* The first of a queue, or NULL when it is empty; valid until anything becomes ready. */
struct run_waiting *run_queue_head(struct run *run, size_t queue);
/* As run_take_ready, of one queue. */
bool run_take_from(struct run *run, size_t queue, int64_t now_ms, struct run_changes *changes,
                   struct run_place *ret_place);
/* As run_take_ready, of a ready item wherever it stands; false when it is not ready. */
bool run_take(struct run *run, struct run_place place, int64_t now_ms, struct run_changes *changes);
/* The item, of a step without a matrix if it is still pending, is active before its turn: it may have begun. */
void run_take_early(struct run *run, struct run_place place, int64_t now_ms, struct run_changes *changes);
/* The step that only waits for `step` to succeed, and then is one ready item whatever it finds: SIZE_MAX when there is
 * none. */
size_t run_follower(const struct run *run, size_t step);
/* Items that are active (hold a process or a child run). */
size_t run_active_count(const struct run *run);
struct run_item *run_item_at(const struct run *run, struct run_place place);
const struct step *run_step_at(const struct run *run, struct run_place place);

/* ---- retry.c: the delay before attempt number `next` (2, 3, ...), jitter taken from the run's seed ---- */
int64_t run_retry_delay_ms(const struct retry_policy *policy, int next, uint64_t seed, size_t step, size_t item);
/* Does the policy retry after this end of attempt number `attempts`? */
bool run_should_retry(const struct retry_policy *policy, int attempts, const struct run_event *ended);

/* ---- context.c: the expression environment of an item ------------------------------------------------- */
struct run_context {
    const struct run *run;
    size_t step;                  /* the step that asks; SIZE_MAX: the pipeline's outputs */
    const struct run_item *item;  /* NULL before expansion */
    const struct json *inputs;    /* of the attempt, or NULL */
    const struct json *env;
    const struct json *step_info; /* {dir, id, attempt}, or NULL */
    const struct json *secrets;   /* real values; NULL: masked ones */
    const struct run_assumption *assumed; /* NULL: what is asked about is now */
    struct arena *arena;          /* for values made on the way */
};
/* What an attempt that is given out before its time sees: a step has succeeded, and left nothing but its run. What
 * could change until then, such as files, cannot be asked about. */
struct run_assumption {
    size_t step;
    const char *step_run_id;
};
/* `context` must outlive the environment. */
struct expr_env run_context_env(struct run_context *context);

#endif
