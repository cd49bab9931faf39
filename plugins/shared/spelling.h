/* SPDX-License-Identifier: Apache-2.0
 * "Did you mean": the known name that is nearest to a misspelt one.
 */
#ifndef SLUICE_SHARED_SPELLING_H
#define SLUICE_SHARED_SPELLING_H

#include <stddef.h>

/* The name with the fewest edits (insert, delete, replace; letters compare without case), or NULL
 * when none is within a third of the wanted name's length (at least 1 edit, at most 3). */
const char *spelling_nearest(const char *wanted, const char *const *names, size_t count);

#endif
