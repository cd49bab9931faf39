/* SPDX-License-Identifier: Apache-2.0
 * Folders and everything below them. Symbolic links are never followed below the folder that is named.
 */
#ifndef SLUICE_SHARED_FOLDER_H
#define SLUICE_SHARED_FOLDER_H

#include "fault.h"
#include "scratch.h"
#include "step.h"

#include <stdint.h>

enum { FOLDER_MAX_DEPTH = 64 };

/* `path` itself when it is absolute, else below the workspace of the step. */
const char *folder_of_workspace(const struct step_host *host, struct scratch *scratch, const char *path);
/* Where an absolute path leads, though it, or folders above it, be not there yet: without links, "." and "..", in
 * `scratch`. */
const char *folder_real(struct scratch *scratch, const char *path);
/* The folder and those above it that are missing. One that is there is fine. */
int folder_make(const char *path, struct fault *fault);
/* Removes a file, a link or a folder with all below it. Nothing there is fine. */
int folder_remove(const char *path, struct fault *fault);
/* How many files and links are below it; -1 with a fault when it cannot be read. */
int64_t folder_count(const char *path, struct fault *fault);
/* Makes the names in the folder, and in those below it, survive a power cut. The files' bytes are not synced. */
int folder_sync(const char *path, struct fault *fault);

#endif
