/* SPDX-License-Identifier: Apache-2.0
 * Taking over the records and files of another store of MLflow into a home.
 *
 * First all of it is looked at (import_plan.c): what is there, and what the home has already under the same id or name.
 * Then each record is written (import.c), each with a row of `imports`, in transactions of bounded size; then the files
 * (import_files.c); then all is compared (import_verify.c). What was killed at any moment is begun again and goes on
 * where it was: a record whose row has its digest is whole.
 */
#ifndef SLUICE_MOVE_IMPORT_H
#define SLUICE_MOVE_IMPORT_H

#include "move/files.h"
#include "move/report.h"
#include "move/source.h"
#include "store/alias_moves.h"

struct move_import {
    struct move_source *source;
    struct store *store; /* open for writing, unless `dry`: NULL then where there is no home yet */
    const char *home;    /* its folder */
    enum move_mode mode;
    const char *artifacts_root; /* the folder that mlflow-artifacts:/ stands for; NULL: not said */
    bool dry;            /* write nothing */
    bool strict;         /* a record that cannot be read is an error */
    bool rename;         /* experiments and registered models whose id or name is taken get another */
    int64_t now_ms;
    struct mover by;     /* who has it done, for the history of aliases */
    struct arena *arena;
    struct move_report *report;
    void (*progress)(void *context, const char *what, int64_t done, int64_t all); /* NULL: nobody looks */
    void *progress_context;
};

struct move_count {
    int64_t there;  /* in the source */
    int64_t moved;  /* written now; with `dry`: would be */
    int64_t before; /* in the home already, as the source has them */
    int64_t left;   /* could not be read, or were changed on both sides: the report says which */
    int64_t differ; /* read back from the home, they are not what the source said */
};

struct move_outcome {
    struct move_count counts[MOVED_KINDS];
    int64_t points;       /* of metrics, in the runs of `moved` */
    int64_t files, bytes; /* brought */
    int64_t files_before;
    int64_t missing_folders; /* records whose folder of files is not there: they have none, or it is elsewhere */
    int64_t references;      /* records whose files stay where they are */
    int64_t unreached;       /* of them: those that only their server reaches, and nobody said where it keeps them */
    bool changed;            /* the source was written to meanwhile */
};

/* ERR_EXISTS, with nothing written, when the home has something else under an id or name of the source (the report has
 * each); ERR_INPUT with `strict` for the first record that cannot be read. */
int move_import(const struct move_import *import, struct move_outcome *ret, struct err *err);

#endif
