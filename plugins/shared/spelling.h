/* SPDX-License-Identifier: Apache-2.0
 * "Did you mean": the known name that is nearest to a misspelt one.
 */
#ifndef SLUICE_SHARED_SPELLING_H
#define SLUICE_SHARED_SPELLING_H

#include <stddef.h>

/* The name with the fewest edits (insert, delete, replace; letters compare without case), within
 * a third of the wanted name's length (at least 1 edit, at most 3); else the first of which the wanted one is a word
 * ("roc_auc" for "auc"); else NULL. */
const char *spelling_nearest(const char *wanted, const char *const *names, size_t count);

#endif
