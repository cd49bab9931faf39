/* SPDX-License-Identifier: Apache-2.0
 * A plain folder whose pipelines are in force: DIR/NAME.yaml (or .yml), and DIR/NAME/sluice.yaml (or .yml). Names that
 * begin with a dot are passed over.
 *
 * It is watched by inotify: looking costs nothing while nothing changes. Each look goes over the whole folder, and
 * reads the files whose stamp (size, time, inode) is another one, and those that are refused. A file counts when
 * whoever writes it has closed it, or has renamed it to there. Where the kernel gives us no inotify, it is looked at
 * every two seconds. While something is refused, it is looked at again by itself, after a second, then later each time
 * up to a minute: what it lacks (another file, a plugin, a free descriptor) may come without an event here.
 */
#ifndef SLUICE_TRIGGER_FOLDER_H
#define SLUICE_TRIGGER_FOLDER_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define FOLDER_SOURCE "folder"

struct folder_watch;
struct triggers;
struct engine;

/* `path` is copied. */
struct folder_watch *folder_watch_new(const char *path);
void folder_watch_free(struct folder_watch *watch);
/* -1 for NULL, or where there is no inotify. */
int folder_watch_fd(const struct folder_watch *watch);
/* Until a look is due: 0: it is; INT64_MAX: only when an event comes, as for NULL. */
int64_t folder_wait_ms(const struct folder_watch *watch);
/* The next turn looks. Not for NULL. */
void folder_look_again(struct folder_watch *watch);
/* Looks if it is due, within a turn: what validates is put in force, what is gone is taken out. A folder that cannot be
 * read changes nothing. -1 only when the store fails. */
int folder_follow(struct triggers *triggers, struct engine *engine, struct err *err);

#endif
