/* SPDX-License-Identifier: Apache-2.0
 * What a person reads beside a step, in few words. The record has the whole reason: `sluice show RUN --json`.
 */
#ifndef SLUICE_VIEW_REASON_WORDS_H
#define SLUICE_VIEW_REASON_WORDS_H

#include "run/run.h"

/* Why the item, or a step without items, is where it is: "evaluate refused" of a step that a gate's refusal skipped,
 * the gate's own words at the gate, else the reason as it is recorded; "" when there is nothing to say. */
const char *reason_words(struct arena *arena, const struct run *run, struct run_place place);
/* "from run 12" of an item that was carried from there, with why it ended so when that was not well; "reused from
 * 12/train" of a kept result. */
const char *reason_carried(struct arena *arena, const struct pipeline *pipeline, size_t step,
                           const struct run_item *item);

#endif
