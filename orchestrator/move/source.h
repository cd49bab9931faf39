/* SPDX-License-Identifier: Apache-2.0
 * A store of MLflow's records that is read: a database of MLflow, its folder of files, a server, or a home.
 *
 * All are read by the same functions, so that what an import has written is compared with what it has read, record by
 * record (content.h). A record that cannot be read is ERR_INPUT, ERR_CORRUPT or ERR_NOT_FOUND: the others still can.
 * Any other error is of the store itself. Nothing that is read here is written to.
 */
#ifndef SLUICE_MOVE_SOURCE_H
#define SLUICE_MOVE_SOURCE_H

#include "base/str.h"
#include "digest/digest.h"
#include "move/report.h"
#include "store/moved.h"

struct move_source;

struct move_source_ops {
    /* The ids (names of registered models) of all records of a kind, ascending: bytewise, experiments by number. */
    int (*ids)(struct move_source *source, enum moved_kind kind, struct arena *arena, struct moved_ids *ret,
               struct err *err);
    int (*experiment)(struct move_source *source, const char *id, struct arena *arena, struct moved_experiment *ret,
                      struct err *err);
    int (*run)(struct move_source *source, const char *id, struct arena *arena, struct moved_run *ret,
               struct err *err);
    /* Each series of a run, by key, then by model, dataset name and digest, bytewise. Points as they come. */
    int (*series)(struct move_source *source, const char *run_id, moved_series_take *take, void *context,
                  struct err *err);
    int (*model)(struct move_source *source, const char *id, struct arena *arena, struct moved_model *ret,
                 struct err *err);
    int (*registered)(struct move_source *source, const char *name, struct arena *arena,
                      struct moved_registered *ret, struct err *err);
    int (*trace)(struct move_source *source, const char *id, struct arena *arena, struct moved_trace *ret,
                 struct err *err);
    /* Brings the files of a record into a folder that is there, when they are not in the file system: NULL then. `uri`
     * is where the record says they are. */
    int (*download)(struct move_source *source, const char *uri, const char *folder, struct err *err);
    /* What a trace's traces.json would say; NULL when the trace has its spans in a file. May be NULL. */
    int (*spans)(struct move_source *source, const char *trace_id, struct arena *arena, const char **ret,
                 struct err *err);
    /* 1 when it was written to since it was opened, 0, -1. NULL: cannot tell. */
    int (*changed)(struct move_source *source, struct err *err);
    void (*close)(struct move_source *source);
};

struct move_source {
    const struct move_source_ops *ops;
    const char *name;   /* an absolute path, or a URL without credentials: what it is called in the home */
    const char *folder; /* relative paths of files are below it; NULL: there are none */
    struct move_report *report; /* what cannot be read, or has no place in a home */
};

/* ---- the sources. The handle lives in `arena`; close it with move_source_close ---- */
/* A database of MLflow, opened read-only. ERR_INPUT when it is none, or lacks a table that every version has. */
int move_database_open(const char *path, struct arena *arena, struct move_report *report, struct move_source **ret,
                       struct err *err);
/* A folder of MLflow (mlruns). What is in it is listed when it is opened. ERR_INPUT when it is none. */
int move_folder_open(const char *path, struct arena *arena, struct move_report *report, struct move_source **ret,
                     struct err *err);
/* A server of MLflow. The door asks it, below its URL: status and body, or -1 when no answer came. A body of NULL is a
 * GET, any other a POST of JSON. */
struct move_server_door {
    const char *url; /* without credentials, and without '/' at its end */
    int (*ask)(void *context, const char *path, const struct str *body, struct arena *arena, int *ret_status,
               struct str *ret_body, struct err *err);
    void *context;
};
int move_server_open(const struct move_server_door *door, struct arena *arena, struct move_report *report,
                     struct move_source **ret, struct err *err);
/* A home, whose store is open. */
struct move_source *move_home_source(struct store *store, struct arena *arena, struct move_report *report);
void move_source_close(struct move_source *source);
/* The home's store. */
struct store *move_home_store(struct move_source *home);

/* The digest of a record as the source has it. What is read for it is in `arena`. */
int move_digest_record(struct move_source *source, enum moved_kind kind, const char *id, struct arena *arena,
                       struct digest *ret, struct err *err);

/* A run without a name has that of the tag mlflow.runName: MLflow 1 wrote only that. */
void moved_run_name(struct moved_run *run);
/* One of a trace's tags is where its files are ("" when none is); the others are its tags. */
void moved_trace_tags(struct moved_trace *trace, const struct moved_pairs *tags, struct arena *arena);
/* Whether an error is of one record only. */
bool move_error_is_of_record(const struct err *err);

#endif
