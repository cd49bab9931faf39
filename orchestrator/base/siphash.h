/* SPDX-License-Identifier: Apache-2.0
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a short hash under a key, for tables.
 *
 * Who does not know the key cannot choose texts that all fall into one place of a table, so that looking up stays
 * quick whoever wrote the file.
 */
#ifndef SLUICE_BASE_SIPHASH_H
#define SLUICE_BASE_SIPHASH_H

#include "base/str.h"

#include <stdint.h>

struct siphash_key {
    uint64_t words[2]; /* the 16 bytes of the key, little-endian */
};

/* A key that nobody knows. */
struct siphash_key siphash_key_new(void);
/* One that is made once in a process: for tables that are made often. Thread-safe. */
struct siphash_key siphash_key_of_process(void);
uint64_t siphash(struct siphash_key key, struct str bytes);

#endif
