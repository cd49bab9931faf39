/* SPDX-License-Identifier: Apache-2.0
 * Whole records, as another MLflow store has them and as we give them to one: an experiment, a run, a logged model, a
 * registered model with its versions, a trace, each with all that is said of it.
 *
 * Reading gives deleted ones too. Writing puts a record in the place of what there was of it, with the times, states
 * and texts that it has: nothing is checked against the rules for clients, since it was another server that accepted
 * it, and nothing is cut. All run in the caller's transaction; whoever reads more than one record and wants them of one
 * moment begins one, too.
 */
#ifndef SLUICE_STORE_MOVED_H
#define SLUICE_STORE_MOVED_H

#include "store/metric_block.h"
#include "store/models.h"
#include "store/pair.h"
#include "store/registry.h"
#include "store/run_links.h"
#include "store/runs.h"
#include "store/store.h"
#include "store/traces.h"

struct moved_pairs {
    struct pair *items; /* sorted by key where they are read */
    size_t count;
    size_t room;
};
void moved_pairs_add(struct moved_pairs *pairs, struct arena *arena, const char *key, const char *value);

struct moved_experiment {
    int64_t id;
    const char *name;
    const char *artifact_location; /* "": the home's own folder for it */
    bool deleted;
    int64_t created_ms;
    int64_t updated_ms;
    struct moved_pairs tags;
};

struct moved_run {
    struct run_info info; /* deleted: by itself or through its experiment */
    int64_t deleted_ms;   /* 0: not known */
    struct moved_pairs params;
    struct moved_pairs tags;
    struct dataset_input *datasets;
    size_t dataset_count;
    const char **model_inputs;
    size_t model_input_count;
    struct model_output *model_outputs;
    size_t model_output_count;
};

/* Points of a key of a run that were measured on one thing ("": nothing is said of it). */
struct moved_series {
    const char *key;
    const char *model_id;
    const char *dataset_name;
    const char *dataset_digest;
    struct metric_ranks points;
};
/* Takes one series; the texts and points are gone afterwards. */
typedef int moved_series_take(void *context, struct moved_series *series, struct err *err);

struct moved_model {
    struct logged_model info;
    struct moved_pairs params;
    struct moved_pairs tags;
};

struct moved_version {
    struct model_version info; /* stage Deleted_Internal: deleted, the row only keeps its number */
    struct moved_pairs tags;
};
struct moved_alias {
    const char *alias;
    int64_t version;
};
struct moved_registered {
    struct registered_model info; /* latest_version: the highest there ever was */
    struct moved_pairs tags;
    struct moved_version *versions; /* by number */
    size_t version_count;
    struct moved_alias *aliases; /* by name */
    size_t alias_count;
};

struct moved_trace {
    struct trace info;
    struct moved_pairs metadata;
    struct moved_pairs tags;
};

enum moved_kind { MOVED_EXPERIMENT, MOVED_RUN, MOVED_MODEL, MOVED_REGISTERED, MOVED_TRACE, MOVED_KINDS };
extern const char *const moved_kind_names[]; /* as they stand in the table; NULL at the end */

struct moved_ids {
    const char **items;
    size_t count;
    size_t room;
};
void moved_ids_add(struct moved_ids *ids, struct arena *arena, const char *id);

/* ---- reading (moved_read.c) ---- */
/* The ids (names of registered models) of all records of a kind, in ascending order. */
int store_moved_ids(struct store *store, enum moved_kind kind, struct arena *arena, struct moved_ids *ret,
                    struct err *err);
/* 1, 0 when there is none, -1. */
int store_moved_exists(struct store *store, enum moved_kind kind, const char *id, struct err *err);
/* ERR_NOT_FOUND when there is none. */
int store_moved_experiment(struct store *store, int64_t id, struct arena *arena, struct moved_experiment *ret,
                           struct err *err);
int store_moved_run(struct store *store, const char *run_id, struct arena *arena, struct moved_run *ret,
                    struct err *err);
int store_moved_model(struct store *store, const char *model_id, struct arena *arena, struct moved_model *ret,
                      struct err *err);
int store_moved_registered(struct store *store, const char *name, struct arena *arena, struct moved_registered *ret,
                           struct err *err);
int store_moved_trace(struct store *store, const char *id, struct arena *arena, struct moved_trace *ret,
                      struct err *err);
/* Each series of a run, by key, then by model, dataset name and digest, bytewise; points settled. */
int store_moved_series(struct store *store, const char *run_id, moved_series_take *take, void *context,
                       struct err *err);

/* ---- writing (moved_write.c, moved_registry.c) ---- */
int store_moved_put_experiment(struct store *store, const struct moved_experiment *experiment, struct err *err);
/* With no points: those it had go. */
int store_moved_put_run(struct store *store, const struct moved_run *run, struct err *err);
/* Adds points to a run that was put; those that it has change nothing. They are sorted in place. */
int store_moved_put_series(struct store *store, const char *run_id, struct moved_series *series, struct err *err);
int store_moved_put_model(struct store *store, const struct moved_model *model, struct err *err);
/* What guards stand before (guards.h) is ERR_DENIED, and then only part may be written: in a savepoint. An alias or
 * stage that says of the same model what it said before does not move. */
int store_moved_put_registered(struct store *store, const struct moved_registered *registered, const struct mover *by,
                               struct err *err);
int store_moved_put_trace(struct store *store, const struct moved_trace *trace, struct err *err);
/* Where the files of a run, model or trace are. */
int store_moved_put_uri(struct store *store, enum moved_kind kind, const char *id, const char *uri, struct err *err);
/* The digest of a file of a run, model or trace, whatever state that is in. */
int store_moved_put_file(struct store *store, const char *owner, const struct artifact *file, struct err *err);
/* The number and the bytes of the files that are recorded of an owner. */
int store_moved_files(struct store *store, const char *owner, int64_t *ret_count, int64_t *ret_bytes, struct err *err);
/* What comes next writes hundreds of pages. */
void store_moved_expect_many(struct store *store);

/* ---- what has been imported (imports.c) ---- */
struct import_row {
    const char *here;
    const char *digest; /* "": on its way */
};
/* 1, 0 when there is none, -1. */
int store_import_find(struct store *store, const char *source, enum moved_kind kind, const char *id,
                      struct arena *arena, struct import_row *ret, struct err *err);
int store_import_put(struct store *store, const char *source, enum moved_kind kind, const char *id,
                     const struct import_row *row, int64_t now_ms, struct err *err);
/* Who has brought the record that is `here` in the home: 1 with the source and the record's digest, 0, -1. */
int store_import_origin(struct store *store, enum moved_kind kind, const char *here, struct arena *arena,
                        const char **ret_source, struct import_row *ret, struct err *err);

#endif
