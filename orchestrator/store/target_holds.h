/* SPDX-License-Identifier: Apache-2.0
 * Who holds what is deployed to: one step at a time, until that has ended.
 */
#ifndef SLUICE_STORE_TARGET_HOLDS_H
#define SLUICE_STORE_TARGET_HOLDS_H

#include "store/store.h"

#include <stdint.h>

struct target_hold {
    const char *target;
    const char *run_id;
    int64_t position, item; /* the step */
    int64_t since_ms;
};

/* 1 with it, 0 when nobody holds the target, -1. */
int store_target_hold_get(struct store *store, const char *target, struct arena *arena, struct target_hold *ret,
                          struct err *err);
/* One that the same step holds already stays as it is; another's is ERR_STATE. */
int store_target_hold_put(struct store *store, const struct target_hold *hold, struct err *err);
/* All that a step holds comes free; with `position` -1, all that any step of the run does. Returns how many, or -1. */
int64_t store_target_holds_drop(struct store *store, const char *run_id, int64_t position, int64_t item,
                                struct err *err);
/* How many targets are held; -1. */
int64_t store_target_holds_count(struct store *store, struct err *err);

#endif
