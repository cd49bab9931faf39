/* SPDX-License-Identifier: Apache-2.0
 * What was asked to start a pipeline, and what came of it: a row for each trigger that was acknowledged, with exactly
 * one outcome. A row is `pending` until it has that; the run of one that started comes in the transaction in which the
 * row says so.
 */
#ifndef SLUICE_STORE_TRIGGERS_H
#define SLUICE_STORE_TRIGGERS_H

#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum trigger_outcome {
    TRIGGER_PENDING,
    TRIGGER_STARTED,   /* run_id */
    TRIGGER_SKIPPED,   /* the pipeline is not to run now: paused, overlapping, refused, going round in circles */
    TRIGGER_FILTERED,  /* its `if` says no */
    TRIGGER_DUPLICATE, /* the same was there before */
    TRIGGER_EXPIRED,   /* it came too late */
};
const char *trigger_outcome_name(enum trigger_outcome outcome); /* "pending", ... */

struct trigger_row {
    int64_t id; /* set by insert */
    const char *pipeline;
    const char *kind;       /* schedule backfill webhook push model pipeline manual */
    const char *trigger_id; /* of a schedule its id; else its key below `on` */
    const char *key;        /* unique with the three before, but for duplicates */
    int64_t scheduled_for_ms; /* 0: it is of no time */
    int64_t until_ms;         /* the last of several occurrences that share the row; 0: it is of one */
    int64_t occurrences;      /* 1, unless it is of several */
    int64_t received_ms;
    int64_t due_ms;           /* of a pending one: when it is decided; 0: when another run has ended */
    const char *event;        /* JSON, of a pending one that is still to be looked into; "" */
    const char *event_sha256; /* "" */
    const char *params;       /* JSON {NAME: value} that it gives to the run */
    const char *chain;        /* JSON list of pipelines by whose ends it came about */
    const char *actor;
    const char *model; /* the registered model and its version that it is about; NULL and 0: it is about none */
    int64_t version;
    enum trigger_outcome outcome;
    const char *run_id; /* NULL unless it started one */
    const char *label;  /* of that, only from store_trigger_list: "12"; NULL: none, or removed */
    const char *reason; /* "" */
    int64_t settled_ms; /* 0: pending */
};

/* A number that no trigger has: for the key of what comes from no sender that has one of its own. */
int store_trigger_next_id(struct store *store, int64_t *ret, struct err *err);
/* Writes a new row, pending or settled. 1; or 0 and nothing is written when the key is there already, unless the row
 * is a duplicate. */
int store_trigger_insert(struct store *store, struct trigger_row *row, struct err *err);
/* The outcome of a pending one: outcome, run_id, reason, params, model, version, settled_ms of `row`. ERR_STATE if it
 * has one. */
int store_trigger_settle(struct store *store, const struct trigger_row *row, struct err *err);
/* A pending one waits: due_ms, reason, and what was made of its event: event, params. */
int store_trigger_hold(struct store *store, const struct trigger_row *row, struct err *err);

/* By its id: ERR_NOT_FOUND. */
int store_trigger_get(struct store *store, int64_t id, struct arena *arena, struct trigger_row *ret, struct err *err);
/* 1 with the row of this key, or 0. Of one that has gone by the rules of `gc` only the mark is left: its id is 0. */
int store_trigger_find(struct store *store, const char *pipeline, const char *kind, const char *trigger_id,
                       const char *key, struct arena *arena, struct trigger_row *ret, struct err *err);
/* "the same as trigger 12", of what that has found. */
const char *trigger_same_words(const struct trigger_row *earlier, struct arena *arena);
/* 1 with the row that started this run, or 0. */
int store_trigger_of_run(struct store *store, const char *run_id, struct arena *arena, struct trigger_row *ret,
                         struct err *err);
/* Pending ones to be decided by now, at most `limit`, the longest due first; and when the next is, 0: none is. */
int store_triggers_due(struct store *store, int64_t now_ms, size_t limit, struct arena *arena,
                       struct trigger_row **ret, size_t *ret_count, int64_t *ret_next_ms, struct err *err);
/* Pending ones of a pipeline's trigger that are about a registered model, but for the one with this id. */
int store_triggers_about(struct store *store, const char *pipeline, const char *trigger_id, const char *model,
                         int64_t but, struct arena *arena, struct trigger_row **ret, size_t *ret_count,
                         struct err *err);
/* The clock was set back by so much: what waits for its time waits no longer than it would have. */
int store_triggers_set_back(struct store *store, int64_t by_ms, struct err *err);
/* Pending ones that wait for another run, oldest first; of one schedule, or of all (NULL). */
int store_triggers_held(struct store *store, const char *pipeline, const char *trigger_id, struct arena *arena,
                        struct trigger_row **ret, size_t *ret_count, struct err *err);

/* A run that a trigger of a schedule started. */
struct trigger_run {
    const char *run_id;
    const char *label; /* "wine/12" */
    const char *state;
};
/* Runs of a schedule that have not ended, oldest first: those of its own triggers, or of one backfill (not 0). */
int store_trigger_open_runs(struct store *store, const char *pipeline, const char *schedule, int64_t backfill,
                            struct arena *arena, struct trigger_run **ret, size_t *ret_count, struct err *err);
/* 1 with the newest run for an occurrence of a schedule, of whatever kind of trigger, or 0. */
int store_trigger_occurrence(struct store *store, const char *pipeline, const char *schedule, int64_t scheduled_for_ms,
                             struct arena *arena, struct trigger_run *ret, struct err *err);

struct trigger_filter {
    const char *pipeline; /* NULL: all */
    const char *kind;     /* NULL: all */
    const char *outcome;  /* NULL: all */
    int64_t before;       /* only with lower ids; 0: all */
    size_t limit;         /* 0: 100 */
};
/* Newest first. */
int store_trigger_list(struct store *store, const struct trigger_filter *filter, struct arena *arena,
                       struct trigger_row **ret, size_t *ret_count, struct err *err);

/* A number, never 0, that is another one when pending rows have come by this connection: for who looks often. */
uint64_t store_triggers_changes(const struct store *store);

#endif
