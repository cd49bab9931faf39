/* SPDX-License-Identifier: Apache-2.0
 * The last lines of one attempt, as far as they stand near the end of the journal: for who must not wait for all of a
 * long one. What is looked at is bounded by bytes, whatever stands in it.
 */
#ifndef SLUICE_WIRE_LAST_LINES_H
#define SLUICE_WIRE_LAST_LINES_H

#include "base/arena.h"

#include <stdint.h>

/* It is read from near its end on, and once more from further back when too few lines stood there: one frame of lines
 * that came at once may be longer than what is near. */
enum { LAST_LINES_NEAR = 64 << 10, LAST_LINES_FAR = 512 << 10 };
/* The most that one look takes: each byte that is read may be summed up twice. */
enum { LAST_LINES_EFFORT = 3 * (LAST_LINES_NEAR + LAST_LINES_FAR) };

/* The last of them while they are found: a ring. */
struct journal_lines {
    struct str *items;
    size_t most;
    size_t seen;
};

/* At most `most` lines before the offset `upto` (0: the end of the file), oldest first, in the arena: how many. A
 * journal that is not there, or is damaged, has those that can be read. The bytes that were read and summed up for it
 * are added to `*effort`. */
size_t journal_last_lines(const char *path, int64_t upto, int64_t attempt, size_t most, struct arena *arena,
                          struct str *ret, size_t *effort);

#endif
