/* SPDX-License-Identifier: Apache-2.0
 * Folders that are to be removed while what they belonged to stays, and may be given files anew: they get names beside,
 * so that what comes to their place meanwhile is not taken for what was there.
 *
 * Renamed first, and the row of `removals` follows: killed in between, the row names nothing, and the folder is a
 * leftover that no row speaks of.
 */
#ifndef SLUICE_GC_ASIDE_H
#define SLUICE_GC_ASIDE_H

#include "base/arena.h"
#include "store/store.h"

#include <stdint.h>

/* These paths of `removals`, in a transaction of its own, for who holds the home: nobody puts files there meanwhile. */
int gc_set_aside(struct store *store, const char *home, const char *const *paths, size_t count, int64_t now_ms,
                 struct arena *arena, struct err *err);
/* Those that removals left which were interrupted: before files can come. */
int gc_set_interrupted_aside(struct store *store, const char *home, int64_t now_ms, struct err *err);

#endif
