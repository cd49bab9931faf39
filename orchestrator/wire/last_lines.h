/* SPDX-License-Identifier: Apache-2.0
 * The last lines of one attempt, as far as they stand in the last MiB of the journal: for who must not wait
 * for all of a long one.
 */
#ifndef SLUICE_WIRE_LAST_LINES_H
#define SLUICE_WIRE_LAST_LINES_H

#include "base/arena.h"

#include <stdint.h>

/* The last of them while they are found: a ring. */
struct journal_lines {
    struct str *items;
    size_t most;
    size_t seen;
};

/* At most `most` lines before the offset `upto` (0: the end of the file), oldest first, in the arena: how many. A
 * journal that is not there, or is damaged, has those that can be read. */
size_t journal_last_lines(const char *path, int64_t upto, int64_t attempt, size_t most, struct arena *arena,
                          struct str *ret);

#endif
