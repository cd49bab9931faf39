/* SPDX-License-Identifier: Apache-2.0
 * When the open runs of clients were written last, roughly: by it is told whose client died (engine/reaper.h). A write
 * of a run is one of those above it, too: who searches a grid logs to the runs below for hours.
 */
#ifndef SLUICE_STORE_RUN_WRITES_H
#define SLUICE_STORE_RUN_WRITES_H

#include "store/store.h"

#include <stddef.h>
#include <stdint.h>

/* The run was written now. Recorded when what is known is `grain_ms` old. One that is not there is passed over. */
int store_run_wrote(struct store *store, const char *run_id, int64_t now_ms, int64_t grain_ms, struct err *err);
/* Of open runs of which nothing is known, it begins now; what is known of ended ones is forgotten. */
int store_run_writes_follow(struct store *store, int64_t now_ms, struct err *err);

struct silent_run {
    const char *run_id;
    int64_t at_ms; /* of its last write */
};
/* Open runs that were written at `before_ms` or earlier, the longest silent first, at most `limit`: without those of
 * pipelines that have not ended, and what is below them. */
int store_run_writes_silent(struct store *store, int64_t before_ms, int64_t limit, struct arena *arena,
                            struct silent_run **ret, size_t *ret_count, struct err *err);
/* The wall clock has jumped. */
int store_run_writes_move(struct store *store, int64_t by_ms, struct err *err);

#endif
