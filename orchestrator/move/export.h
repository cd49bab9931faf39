/* SPDX-License-Identifier: Apache-2.0
 * Writing a home's records and files as a store of MLflow, and comparing the two.
 */
#ifndef SLUICE_MOVE_EXPORT_H
#define SLUICE_MOVE_EXPORT_H

#include "move/files.h"
#include "move/sink.h"
#include "move/source.h"

struct move_export {
    struct store *store;
    const char *home; /* its folder, as it stands in the places of files */
    struct move_sink *sink;
    /* Opens what was written, to be compared. */
    int (*open)(const char *path, struct arena *arena, struct move_report *report, struct move_source **ret,
                struct err *err);
    const char *path; /* of it */
    enum move_mode mode;
    struct arena *arena;
    struct move_report *report;
    void (*progress)(void *context, const char *what, int64_t done, int64_t all);
    void *progress_context;
};

struct export_count {
    int64_t moved;
    int64_t lossy;  /* of them: without something that MLflow has no place for; the report says what */
    int64_t left;   /* could not be written: the report says which */
    int64_t differ; /* read back, they are not what the home says */
};

struct export_outcome {
    struct export_count counts[MOVED_KINDS];
    int64_t points;
    int64_t files, bytes;
    int64_t references; /* records whose files stay where they are */
};

/* What another process writes into the home meanwhile may be missing, and differ. */
int move_export(const struct move_export *export, struct export_outcome *ret, struct err *err);

#endif
