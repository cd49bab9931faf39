/* SPDX-License-Identifier: Apache-2.0
 * A whole file in memory.
 */
#ifndef SLUICE_SHARED_FILE_TEXT_H
#define SLUICE_SHARED_FILE_TEXT_H

#include "fault.h"
#include "scratch.h"

#include <stddef.h>
#include <sys/types.h>

/* The bytes of a file of at most `most_bytes`, with a NUL behind them, in `scratch`. Anything but a file is a fault: a
 * named pipe is not waited for. */
int file_text_read(struct scratch *scratch, const char *path, size_t most_bytes, char **ret_text, size_t *ret_size,
                   struct fault *fault);

/* Replaces the file, or makes it, by one that is written beside it ("PATH.new", readable as `mode` says): a reader sees
 * the old text or the new one. It is on the disk, with its name, when this returns 0. */
int file_text_replace(const char *path, const char *text, mode_t mode, struct fault *fault);

#endif
