/* SPDX-License-Identifier: Apache-2.0
 * Runs that are read together: one statement for each table, whose rows come run by run. Inside store/ only.
 */
#ifndef SLUICE_STORE_RUN_LIST_H
#define SLUICE_STORE_RUN_LIST_H

#include "base/str_index.h"
#include "store/stmt.h"

struct run_list {
    const char *const *ids;
    size_t count;
    struct str json; /* of the ids */
    struct str_index *index;
};

/* The ids are all different, and the caller's; all else is in the arena. */
struct run_list run_list_of(const char *const *ids, size_t count, struct arena *arena);

/* What a statement names the runs by: "WHERE run_id IN " RUN_LIST. */
#define RUN_LIST "(SELECT value FROM json_each(:run_ids))"

/* Binds ":run_ids", steps to the end, and calls `take` for each row with the number of the run that its first column
 * names. */
int run_list_read(const struct run_list *list, struct stmt *s, void (*take)(void *ctx, size_t run, struct stmt *s),
                  void *ctx, struct err *err);

#endif
