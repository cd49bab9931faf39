/* SPDX-License-Identifier: Apache-2.0
 * Counting what the engine does (struct engine_stats).
 */
#ifndef SLUICE_ENGINE_STATS_H
#define SLUICE_ENGINE_STATS_H

#include "engine/engine_internal.h"

void stats_open(struct engine *engine);
/* An attempt has ended, as its row says. */
void stats_ended(struct engine *engine, const struct attempt_row *row);

#endif
