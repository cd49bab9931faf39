/* SPDX-License-Identifier: Apache-2.0
 * What is another between two keys of a step (engine/cache_key.h): the parts that differ, and how that is said.
 */
#ifndef SLUICE_RUN_PART_CHANGES_H
#define SLUICE_RUN_PART_CHANGES_H

#include "base/json.h"

/* [{"part","from","to"}], in the order of `now`, then what is there no more; null where a part is missing. */
struct json part_changes(const struct json *before, const struct json *now, struct arena *arena);
/* "param lr: 0.1 -> 0.2" (with an arrow), "file train.py changed", "plugin train is another build". */
const char *part_change_words(const struct json *change, struct arena *arena);
/* All of them, "; " between, at most five and then their number; "" for none. */
const char *part_changes_words(const struct json *changes, struct arena *arena);

#endif
