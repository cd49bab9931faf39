/* SPDX-License-Identifier: Apache-2.0
 * What is left of triggers in the long run. Rows that have their outcome go by a rule; of those that came from outside,
 * where the same may come again at any time, a mark stays: 64 bits of a SHA-256, so that it is known as a duplicate.
 */
#ifndef SLUICE_STORE_OLD_TRIGGERS_H
#define SLUICE_STORE_OLD_TRIGGERS_H

#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct old_triggers {
    int64_t triggers;
    int64_t backfills;
    int64_t schedules;
};
/* How many there are that were settled before `before_ms`: triggers of which no run is left, backfills that have ended,
 * schedules that nothing has in force and that are not paused. */
int store_old_triggers_count(struct store *store, int64_t before_ms, struct old_triggers *ret, struct err *err);
/* Removes of each at most `limit`, in the transaction of the caller: what went. */
int store_old_triggers_remove(struct store *store, int64_t before_ms, int64_t limit, struct old_triggers *ret,
                              struct err *err);

/* ---- inside of store/ ---- */
/* Whether there was a trigger of this key of which only the mark is left: 1, 0, or -1. */
int trigger_mark_is_there(struct store *store, const char *pipeline, const char *kind, const char *trigger_id,
                          const char *key, struct err *err);

#endif
