/* SPDX-License-Identifier: Apache-2.0
 * The one way from a path that a client wrote to a path below a folder of ours. Pure.
 */
#ifndef SLUICE_API_FILE_PATH_H
#define SLUICE_API_FILE_PATH_H

#include "base/arena.h"
#include "base/err.h"

enum { FILE_PATH_BYTES_MAX = 4000, FILE_NAME_BYTES_MAX = 255 };

/* A path as it stands in a URL or query after it was decoded once: parts of at most 255 bytes between single '/', none
 * of them "." or "..", also when it is decoded again; no control characters, '\' or '#', not absolute, no drive letter,
 * valid UTF-8. One '/' at its end is taken off. "" is the folder itself. ERR_INPUT "Invalid path" otherwise. */
int file_path_check(struct str decoded, struct arena *arena, const char **ret, struct err *err);

#endif
