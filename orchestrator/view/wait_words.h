/* SPDX-License-Identifier: Apache-2.0
 * Why a ready step has not started: what it asks for is held by others.
 */
#ifndef SLUICE_VIEW_WAIT_WORDS_H
#define SLUICE_VIEW_WAIT_WORDS_H

#include "run/run.h"
#include "store/store.h"

/* "waits for gpu: 1 of 1 held by wine/12 train", as the leases in the store say now; "" when the item at `place` is not
 * ready, or lacks nothing. */
const char *wait_words(struct store *store, const struct run *run, struct run_place place, struct arena *arena);
/* Makes them the reasons of the ready items of a run that is only shown. */
void wait_words_fill(struct store *store, struct run *run);

#endif
