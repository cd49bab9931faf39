/* SPDX-License-Identifier: Apache-2.0
 * Results that are used again, and how that was decided (docs/caching.md).
 *
 * A decision is JSON, kept with the key of the item:
 *   {"outcome": "reused", "from": "11", "run_id", "step_run_id"}
 *   {"outcome": "ran", "why": in words, "compared_with": "11", "changes": [{"part","from","to"}], "kept": false,
 *    "not_kept": in words}; the last four where they are known
 */
#ifndef SLUICE_ENGINE_CACHE_H
#define SLUICE_ENGINE_CACHE_H

#include "engine/engine_internal.h"

/* An item with `cache` is about to start: when its result is there, it has succeeded, and 1 is returned. 0: it must
 * run. The key and the decision are recorded. */
int cache_reuse(struct engine *engine, struct open_run *open, struct run_place place, struct err *err);
/* An attempt of such an item has succeeded: its result is kept, unless what it read has changed meanwhile. In the
 * transaction of that end. */
int cache_keep(struct engine *engine, struct open_run *open, struct run_place place, struct err *err);

#endif
