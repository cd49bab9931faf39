/* SPDX-License-Identifier: Apache-2.0
 * A list of texts in which each is found at once: an open hash table over them.
 *
 * The texts are numbered 0, 1, 2, ... as they are added. They are not copied: who adds one keeps it alive. All of it
 * is in an arena; nothing is ever taken out.
 */
#ifndef SLUICE_BASE_STR_INDEX_H
#define SLUICE_BASE_STR_INDEX_H

#include "base/arena.h"

struct str_index;

/* Empty, with room for `count` texts; it grows when there are more. */
struct str_index *str_index_new(struct arena *arena, size_t count);
/* Adds the next text. Returns the number of the first that is equal to it: its own when it is new. */
size_t str_index_add(struct str_index *index, struct str text);
/* All of them, in order; until the next is added. */
const struct str *str_index_texts(const struct str_index *index);
/* The number of the first text that is equal, or -1. */
ptrdiff_t str_index_find(const struct str_index *index, struct str text);

#endif
