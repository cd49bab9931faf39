/* SPDX-License-Identifier: Apache-2.0
 * What files take on the disk, and what a killed copy left among them.
 */
#ifndef SLUICE_GC_DISK_H
#define SLUICE_GC_DISK_H

#include "gc/plan.h"

#include <sys/types.h>

/* Adds what lies at `path`: files and folders with all below them, in blocks of the disk as du counts them; links are
 * not followed. An absent path weighs nothing, and what may not be read is not counted. `stage` (NULL: none) is told of
 * each file or folder that runner/publish.c makes before it is moved into place; it returns true when that is left out
 * of the weight. */
void disk_weigh(const char *path, bool (*stage)(void *ctx, const char *path), void *ctx, struct gc_weight *weight);
/* The entries of a folder, sorted, without "." and ".."; none when it is not there. */
const char *const *disk_list(const char *folder, struct arena *arena, size_t *ret_count);

#endif
