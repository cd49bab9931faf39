/* SPDX-License-Identifier: Apache-2.0
 * Pages of lists that may be long: where the one before ended is a key, not a number of rows, so that nothing is passed
 * over or told twice while rows come. What a reader may not read is not found; NULL: everything may be read.
 */
#ifndef SLUICE_STORE_PAGES_H
#define SLUICE_STORE_PAGES_H

#include "store/permissions.h"
#include "store/pipeline_runs.h"

/* NULL and 0: any. */
struct run_page {
    const struct reader *reader;
    const char *pipeline, *state, *actor, *trigger;
    const char *parent; /* the runs that this one has begun; NULL: those that are part of none */
    int64_t number;
    bool open;
    int64_t since_ms, until_ms; /* created at or after; before */
    int64_t before_ms;          /* with `before_id`: the last of the page before; 0: the first page */
    const char *before_id;
    size_t limit;
};
/* Newest first. */
int store_run_page(struct store *store, const struct run_page *page, struct arena *arena, struct pipeline_run **ret,
                   size_t *ret_count, struct err *err);

/* How many runs have not ended, those that are part of others too. */
int store_open_run_count(struct store *store, int64_t *ret, struct err *err);

struct pipeline_page {
    const struct reader *reader;
    const char *name;  /* this one alone; NULL: all */
    const char *after; /* NULL: the first page */
    size_t limit;
};
struct pipeline_known {
    const char *name;
    int64_t last_number;
    struct pipeline_run newest;
};
/* Pipelines that have run, by name, with their newest run. */
int store_pipeline_page(struct store *store, const struct pipeline_page *page, struct arena *arena,
                        struct pipeline_known **ret, size_t *ret_count, struct err *err);

struct wait_page {
    const struct reader *reader;
    const char *run_id;
    bool open;     /* only those */
    int64_t after; /* an id */
    size_t limit;
};
/* Ids of approvals, oldest first. */
int store_approval_page(struct store *store, const struct wait_page *page, struct arena *arena, int64_t **ret,
                        size_t *ret_count, struct err *err);

struct gate_page {
    const struct reader *reader;
    const char *run_id, *model_id, *pipeline;
    const char *model; /* a registered model: those of its versions */
    const char *version; /* "wine/3": of that one's model */
    int64_t replay_of; /* a record; 0: any */
    const bool *passed;
    int64_t before; /* an id */
    size_t limit;
};
/* Ids of gate records, newest first. */
int store_gate_page(struct store *store, const struct gate_page *page, struct arena *arena, int64_t **ret,
                    size_t *ret_count, struct err *err);

struct artifact_found {
    int64_t attempt;
    int64_t position, item, number; /* of the attempt */
    const char *path, *sha256;
    int64_t size_bytes;
};
/* What the attempts of a run have left, by attempt and path, behind those; "" and 0: from the beginning. */
int store_run_artifact_page(struct store *store, const char *run_id, int64_t after_attempt, const char *after_path,
                            size_t limit, struct arena *arena, struct artifact_found **ret, size_t *ret_count,
                            struct err *err);
/* What an attempt is of: 1 with it, 0 when there is no such attempt, -1. */
int store_attempt_place(struct store *store, int64_t attempt, struct arena *arena, const char **ret_step,
                        int64_t *ret_item, int64_t *ret_number, struct err *err);
/* A page of the attempts of a run, by id. */
int store_attempt_page(struct store *store, const char *run_id, int64_t after, size_t limit, struct arena *arena,
                       int64_t **ret, size_t *ret_count, struct err *err);

#endif
