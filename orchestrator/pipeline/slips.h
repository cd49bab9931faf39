/* SPDX-License-Identifier: Apache-2.0
 * What was probably meant by a key, a value or a name that does not exist: words of other tools, and slips of the hand.
 *
 * Each gives a hint as diag_hint_near does, or NULL, in `arena`.
 */
#ifndef SLUICE_PIPELINE_SLIPS_H
#define SLUICE_PIPELINE_SLIPS_H

#include "base/arena.h"
#include "base/str.h"

#include <stdbool.h>

/* Of a key: 'depends_on' is 'needs', 'script' is 'run', where there is such a key; else the nearest. */
const char *slip_hint_key(struct arena *arena, struct str word, const struct str *keys, size_t count);
/* Of a choice: 'float' is 'number', 'bool' is 'boolean', 'SIGTERM' is 'TERM'; else the nearest. */
const char *slip_hint_choice(struct arena *arena, struct str word, const struct str *choices, size_t count);
/* Of a name: the same in lower case, its blanks and marks as `filler`, when `is_name` takes that. */
const char *slip_hint_name(struct arena *arena, struct str word, char filler, bool (*is_name)(struct str name));

#endif
