/* SPDX-License-Identifier: Apache-2.0
 * What there is that may be removed one day, and which rows refer to it: what gc/ decides by.
 *
 * A reference is a text that may name things by their ids, wherever they stand in it: a run by 32 hex digits, also
 * within the path of one of its files; a logged model by "m-" and 32 hex digits.
 */
#ifndef SLUICE_STORE_HOLDINGS_H
#define SLUICE_STORE_HOLDINGS_H

#include "store/store.h"

#include <stdint.h>

struct holding_run { /* a run of a pipeline */
    const char *run_id;
    const char *parent_run; /* NULL: it is nobody's step */
    const char *pipeline;
    int64_t number, revision;
    bool open;
    bool succeeded; /* and did more than replay a gate */
    int64_t created_ms;
    int64_t ended_ms; /* 0: open */
    bool leaving;     /* its removal was begun, and not all of it is gone (store/removals.h) */
};
/* Oldest first. */
int store_holding_runs(struct store *store, struct arena *arena, struct holding_run **ret, size_t *ret_count,
                       struct err *err);

struct holding_owner { /* what has published files: an MLflow run, or a logged model */
    const char *id;
    const char *parent; /* of a run: the run it is nested in; of a model: the run that made it. NULL: none */
    const char *artifact_uri;
    bool is_model;
    bool keeps_files; /* false: a model that is deleted, or whose upload failed, and that no version is of */
    int64_t deleted_ms; /* by a client, itself or through its experiment; -1: it is not */
    int64_t experiment;
};
int store_holding_owners(struct store *store, struct arena *arena, struct holding_owner **ret, size_t *ret_count,
                         struct err *err);

struct holding_experiment { /* one that was deleted */
    int64_t id;
    const char *name;
    int64_t deleted_ms;
};
int store_holding_experiments(struct store *store, struct arena *arena, struct holding_experiment **ret,
                              size_t *ret_count, struct err *err);

struct holding_entry { /* a kept result */
    const char *key;
    const char *pipeline;
    const char *step;
    const char *matrix;
    const char *run_id;
    const char *model_id; /* NULL: none */
    int64_t used_ms;      /* when a run last was given what it stands for */
};
/* Most recently used first. */
int store_holding_entries(struct store *store, struct arena *arena, struct holding_entry **ret, size_t *ret_count,
                          struct err *err);

struct holding_digest {
    const char *path;
    const char *stamp;
};
int store_holding_digests(struct store *store, struct arena *arena, struct holding_digest **ret, size_t *ret_count,
                          struct err *err);

enum holding_kind {
    HOLDING_USE,      /* `id` is a run of a pipeline or of MLflow that used what `text` names */
    HOLDING_VERSION,  /* `id` is "wine/3 (champion)", a model version; `text` names its model and its run */
    HOLDING_JUDGED,   /* `id` is the run of a gate, `text` the model it judged */
    HOLDING_APPROVED, /* `id` is the run of an approval, `text` what people were asked about, with its evidence */
};
/* Calls for each; the texts live until it returns. */
int store_holding_each(struct store *store, enum holding_kind kind,
                       void (*take)(void *ctx, enum holding_kind kind, const char *id, struct str text), void *ctx,
                       struct err *err);
/* Has the run or model `owner` published the file or folder `path` (below its artifact folder)? 1, 0, -1. */
int store_holding_publishes(struct store *store, const char *owner, const char *path, struct err *err);

/* ---- what holds now, of one at a time ---- */
/* Has the run of a pipeline ended? 1; 0: it is open, or there is none; -1. */
int store_holding_has_ended(struct store *store, const char *run_id, struct err *err);
/* "wine/12": a run of a pipeline that is still there. 1 with it, 0, -1. */
int store_holding_label(struct store *store, const char *run_id, struct arena *arena, const char **ret_label,
                        struct err *err);
/* Is this a run, a model that keeps its files, or a trace? 1, 0, -1. */
int store_holding_is_known(struct store *store, const char *id, struct err *err);
/* Is what a client deleted still deleted, and, of an experiment, empty? `kind`: "run", "model", "experiment". 1, 0,
 * -1. */
int store_holding_is_deleted(struct store *store, const char *kind, const char *id, struct err *err);

#endif
