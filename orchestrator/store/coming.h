/* SPDX-License-Identifier: Apache-2.0
 * What a commit of a source changes of what is in force: written piece by piece while none of it counts; in force all
 * at once, by one row; then moved to its place piece by piece (settled), which nobody sees who reads what is in force
 * (store/in_force.h, store/schedules.h). Each function is some statements of the caller's transaction.
 *
 * A process that ends leaves what it has written. What counts goes on to be settled; what does not is dropped.
 */
#ifndef SLUICE_STORE_COMING_H
#define SLUICE_STORE_COMING_H

#include "store/in_force.h"
#include "store/schedules.h"

struct coming_commit {
    const char *source;
    bool counts;
    int64_t since_ms; /* 0: it does not count */
    const char *actor;
    const char *push; /* JSON {repo, branch, after, told}; "{}": nobody is told */
};

enum coming_change {
    COMING_OTHER, /* a definition that was not in force */
    COMING_MOVED, /* the same definition, of another file, commit or folder: its triggers are what they were */
    COMING_GONE,  /* no definition */
};

struct coming_pipeline {
    enum coming_change change;
    const char *was;              /* definition before; "" */
    struct pipeline_in_force row; /* since_ms: of what is moved; else 0 */
};

/* The next commit of a source; there is none of it yet. */
int store_coming_begin(struct store *store, const char *source, const char *actor, struct err *err);
/* A pipeline, with what it listens to when that is another definition. */
int store_coming_put(struct store *store, const struct coming_pipeline *pipeline, const struct schedule_row *schedules,
                     size_t schedule_count, const struct subscription *subscriptions, size_t subscription_count,
                     struct err *err);
/* All that is coming of the source is in force. */
int store_coming_counts(struct store *store, const char *source, int64_t since_ms, const char *push, struct err *err);
/* Nothing of the source is in force any more. */
int store_coming_none(struct store *store, const char *source, const char *actor, int64_t since_ms, struct err *err);

/* By source. */
int store_coming_list(struct store *store, struct arena *arena, struct coming_commit **ret, size_t *ret_count,
                      struct err *err);
/* 1 with a pipeline of the source that is not settled, or 0. */
int store_coming_next(struct store *store, const char *source, struct arena *arena, struct coming_pipeline *ret,
                      struct err *err);
/* 1 with what has happened to a pipeline by a commit that counts, and is not settled; or 0. */
int store_coming_find(struct store *store, const char *name, struct arena *arena, struct coming_commit *ret_commit,
                      struct coming_pipeline *ret, struct err *err);
/* Moves one to its place. */
int store_coming_settle(struct store *store, const char *source, const struct coming_pipeline *pipeline,
                        struct err *err);
/* Takes out one that does not count. */
int store_coming_drop(struct store *store, const char *source, const char *name, struct err *err);
/* Nothing of the source is coming any more. */
int store_coming_over(struct store *store, const char *source, struct err *err);

#endif
