/* SPDX-License-Identifier: Apache-2.0
 * What the files of an import share.
 */
#ifndef SLUICE_MOVE_IMPORT_INTERNAL_H
#define SLUICE_MOVE_IMPORT_INTERNAL_H

#include "base/str_index.h"
#include "digest/digest.h"
#include "move/import.h"

enum import_state {
    IMPORT_NEW,    /* to be written */
    IMPORT_PARTLY, /* was begun */
    IMPORT_WHOLE,  /* there, and was imported from this source: compared with it */
    IMPORT_SAME,   /* there from elsewhere, and the same */
    IMPORT_SHARED, /* the Default experiment, in use here too: it stays as it is, and gets the source's runs */
    IMPORT_LEFT,   /* is not imported */
};

struct import_record {
    const char *id;   /* there */
    const char *here; /* its id or name in the home */
    enum import_state state;
    const char *name;   /* of an experiment in the home; else NULL */
    const char *uri;    /* where its files are, by what the source says; NULL until it has been read */
    const char *folder; /* below the home's artifacts: "7/RUN/artifacts" */
    const char *digest; /* IMPORT_WHOLE: what it said when it was imported; afterwards what the source says now */
};

struct import_list {
    struct import_record *items; /* in the order of the source's ids */
    size_t count;
};

struct import_job {
    const struct move_import *options;
    struct move_source *source;
    struct move_source *home; /* NULL: there is none yet */
    struct store *store;
    struct import_list lists[MOVED_KINDS];
    struct move_outcome *outcome;
    bool in_transaction;
    int64_t written; /* rows since it began, about */
    struct arena *record; /* of the record at hand */
    struct move_files files;
    size_t refused; /* records that the home has another one of */
    const char *first_refusal;
    struct str_index *names; /* of experiments that are to come */
};

/* ---- import_plan.c ---- */
int import_plan(struct import_job *job, struct err *err);
/* The record of an experiment of the source; NULL when it has none. */
const struct import_record *import_experiment(const struct import_job *job, int64_t id);

/* ---- import_read.c: records of the source as they are to stand in the home; in job->record ---- */
int import_read_experiment(struct import_job *job, struct import_record *record, struct moved_experiment *ret,
                           struct err *err);
int import_read_run(struct import_job *job, struct import_record *record, struct moved_run *ret,
                    struct err *err);
int import_read_model(struct import_job *job, struct import_record *record, struct moved_model *ret,
                      struct err *err);
int import_read_registered(struct import_job *job, struct import_record *record, struct moved_registered *ret,
                           struct err *err);
int import_read_trace(struct import_job *job, struct import_record *record, struct moved_trace *ret,
                      struct err *err);
/* The digest of a record as it is to stand in the home. */
int import_digest_there(struct import_job *job, enum moved_kind kind, struct import_record *record,
                        struct digest *ret, struct err *err);
/* Of a record of the home. */
int import_digest_here(struct import_job *job, enum moved_kind kind, const char *here, struct digest *ret,
                       struct err *err);

/* ---- import_files.c ---- */
int import_files(struct import_job *job, struct err *err);
/* Where the home says that the files of a record are, which the source has at `uri`: its own folder, or `uri` when they
 * stay there. `folder` is "7/RUN/artifacts". */
const char *import_uri(struct import_job *job, const char *uri, const char *owner, const char *folder);

/* ---- import_verify.c ---- */
int import_verify(struct import_job *job, struct err *err);

/* ---- import.c ---- */
int import_commit(struct import_job *job, struct err *err);
/* A transaction is open. */
int import_begin(struct import_job *job, struct err *err);
/* An error of one record: it is reported and left out, 0. Any other, and any with --strict: -1. */
int import_leave(struct import_job *job, enum moved_kind kind, struct import_record *record, struct err *wrong,
                 struct err *err);
void import_progress(const struct import_job *job, const char *what, int64_t done, int64_t all);

#endif
