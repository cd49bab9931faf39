/* SPDX-License-Identifier: Apache-2.0
 * Rows of what goes, with a row of `removals` for each path: in a transaction of the caller, for who holds the home.
 */
#ifndef SLUICE_GC_ROWS_H
#define SLUICE_GC_ROWS_H

#include "gc/survey.h"

struct gc_rows {
    struct store *store;
    const char *home;
    const char *actor;
    const char *policy; /* in words, for the activity log */
    int64_t now_ms;
    struct arena *arena;
    /* Folders of what stays without its files (gc/aside.h): */
    const char **emptied;
    size_t emptied_count, emptied_room;
    /* What went since the last row of that: */
    int64_t counts[RETENTION_KINDS];
    int64_t models;
    int64_t leftovers;
    struct old_triggers old;
    int64_t bytes;
};

/* Does anything of it go? */
bool gc_is_touched(const struct gc_run *run, const struct gc_members *members);
/* By its verdicts: all of it, or its logs, its artifacts, and the models that go by themselves.
 *
 * All of it goes head first: in the first transaction its row, so that nobody sees half of it; then its MLflow runs and
 * models, each whole, the newest first; then steps, attempts and the like. Past `end_ms` of the monotonic clock (0:
 * never) it leaves the rest for another transaction, in which it is called again with the same `run` and `members`:
 * run->leaving is set, members->owner_count and run_count are what is left. `*ret_more`: there is some. Whoever comes
 * after a kill finds the rest by leaving_runs. */
int gc_rows_remove_run(struct gc_rows *rows, struct gc_run *run, struct gc_members *members, int64_t end_ms,
                       bool *ret_more, struct err *err);
int gc_rows_remove_deleted(struct gc_rows *rows, const struct gc_deleted *item, struct err *err);
/* "3 runs, 1 model (2.1 MB)"; NULL: nothing went. */
const char *gc_rows_words(const struct gc_rows *rows);
/* A row of the activity log with these words, when something went, and counts from the beginning. */
int gc_rows_note(struct gc_rows *rows, struct err *err);
/* Nothing outside the home's folders of files is ever removed, whatever a row says. */
bool gc_is_ours(const char *home, const char *path, struct arena *arena);

#endif
