/* SPDX-License-Identifier: Apache-2.0
 * The bytes of a journal, shared by its writer and its reader.
 */
#ifndef SLUICE_WIRE_JOURNAL_INTERNAL_H
#define SLUICE_WIRE_JOURNAL_INTERNAL_H

#include "wire/journal.h"

#include <string.h>

#define JOURNAL_START "sluice-journal1\n"

/* Little-endian numbers at an unaligned place, whatever the machine's own order is. */
static inline void journal_put(unsigned char *room, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        room[i] = (unsigned char)(value >> (8 * i));
    }
}
static inline uint64_t journal_get(const unsigned char *p, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        value |= (uint64_t)p[i] << (8 * i);
    }
    return value;
}

/* Is there no byte but zeros? */
static inline bool journal_is_nothing(const unsigned char *p, size_t size)
{
    return size == 0 || (p[0] == 0 && memcmp(p, p + 1, size - 1) == 0);
}

/* A reader over an open descriptor of a writer that holds the lock, which it closes with itself; `path` is for
 * messages. The start of the file is checked by the first journal_next. */
struct journal_reader *journal_reader_over(int take_fd, const char *path, int64_t offset, uint64_t sequence);
/* The sequence of the last frame read, 0 at the start. */
uint64_t journal_reader_sequence(const struct journal_reader *reader);

#endif
