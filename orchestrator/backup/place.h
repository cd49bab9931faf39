/* SPDX-License-Identifier: Apache-2.0
 * One file into a backup or out of it.
 */
#ifndef SLUICE_BACKUP_PLACE_H
#define SLUICE_BACKUP_PLACE_H

#include "base/err.h"
#include "digest/digest.h"

#include <stdint.h>
#include <sys/stat.h>

/* What was copied. */
struct placed {
    struct digest digest;
    int64_t size_bytes;
    struct stat status; /* of the source, before it was read */
};

/* Copies the first `most` bytes of a plain file (-1: all of it) to `to`, which must not exist, and digests what it
 * read. Folders above `to` are made. 1, or 0 when there is no such file (any more), or -1. */
int place_copy(const char *from, const char *to, mode_t mode, int64_t most, struct placed *ret, struct err *err);
/* A second name for a file, on the same file system: 1; 0 when that cannot be (then copy), -1. */
int place_link(const char *from, const char *to, struct err *err);

#endif
