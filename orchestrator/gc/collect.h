/* SPDX-License-Identifier: Apache-2.0
 * Removes what a survey says that goes. Only for who holds the home.
 *
 * Rows first, with a row of `removals` for each path and one of the activity log, in transactions of a bounded number
 * of runs; then the files; then the rows of `removals`. Killed anywhere, it leaves no row that speaks of files that are
 * gone and no file that the next survey does not find.
 */
#ifndef SLUICE_GC_COLLECT_H
#define SLUICE_GC_COLLECT_H

#include "gc/survey.h"

struct gc_options {
    struct store *store;
    const char *actor;
    const char *policy; /* in words, for the activity log */
    int64_t now_ms;
    struct arena *arena;
    void (*crash_point)(void *ctx, const char *name); /* between two acts: where a test ends the process */
    void *crash_ctx;
    /* Lets another user, whose steps made it, remove what is below a path; NULL: all is ours. */
    int (*remove_theirs)(void *theirs, const char *path, struct err *err);
    void *theirs;
};

struct gc_outcome {
    size_t failures;        /* paths that could not be removed: the next gc tries again */
    const char *failure;    /* the first, in words */
    int64_t bytes_before;   /* of the database file */
    int64_t bytes_after;
};

int gc_collect(const struct gc_options *options, const struct gc_survey *survey, struct gc_outcome *ret,
               struct err *err);
/* Removes files and folders of the home, and nothing elsewhere; what goes wrong is counted. Whether it is gone. */
bool gc_remove_path(const struct gc_options *options, const char *home, const char *path, struct gc_outcome *outcome);

#endif
