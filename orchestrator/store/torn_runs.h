/* SPDX-License-Identifier: Apache-2.0
 * Open runs of which the store has not all rows any more. No version of sluice leaves one: somebody has removed rows by
 * hand, or from a copy of the file. Whoever goes on with such a run does so with what is not there.
 */
#ifndef SLUICE_STORE_TORN_RUNS_H
#define SLUICE_STORE_TORN_RUNS_H

#include "store/store.h"

struct torn_run {
    const char *run_id;
    const char *table; /* one that lacks rows of it */
};

/* Mostly none. */
int store_torn_runs(struct store *store, struct arena *arena, struct torn_run **ret, size_t *ret_count,
                    struct err *err);

#endif
