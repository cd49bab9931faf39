/* SPDX-License-Identifier: Apache-2.0
 * The places of an attempt: its folder (spawn.step_dir), the folder of its step (spawn.state_dir), its file of outputs.
 *
 * Most steps put nothing there. What an attempt leaves as empty as it was given becomes, by a rename, a place of the
 * next one: a file system makes and removes files far more slowly than it renames them (docs/performance.md).
 */
#ifndef SLUICE_RUNNER_STEP_FOLDERS_H
#define SLUICE_RUNNER_STEP_FOLDERS_H

#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>
#include <sys/types.h>

/* Some hundred runs that are due in the same minute find what those of the minute before have left. */
enum { STEP_FOLDERS_SPARE = 1024 };

/* Places without an attempt, each with the path where it lies. */
struct step_folders {
    mode_t umask; /* of this process */
    char *folders[STEP_FOLDERS_SPARE];
    int folder_count;
    char *files[STEP_FOLDERS_SPARE];
    int file_count;
};

/* Makes the places. An attempt that was resumed (spawn.resumed) keeps what it has; any other must find them empty:
 * 1 when there is something to clear first, which can take long (step_folders_clear), else 0, or -1. `spare` may be
 * NULL. */
int step_folders_make(struct step_folders *spare, const struct json *spawn, struct err *err);
/* Are those that were made some time ago still there, and empty? */
bool step_folders_are_as_made(const struct json *spawn);
/* Removes what a runner left that was killed before the step began, then makes the places. */
int step_folders_clear(const struct json *spawn, struct err *err);
/* After the attempt: removes the file of outputs, which is recorded or refused by now and may hold a secret, and keeps
 * what may serve again. `reuse`: no process of the attempt is left, and it will not go on. */
void step_folders_leave(struct step_folders *spare, const struct json *spawn, bool reuse);
void step_folders_free(struct step_folders *spare);

#endif
