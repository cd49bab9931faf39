/* SPDX-License-Identifier: Apache-2.0
 * After a backup: the activity log says so, and the write-ahead log, which could not begin anew meanwhile, is cut. In
 * this process when the home is free, through the door of whoever holds it otherwise.
 */
#ifndef SLUICE_CLI_BACKUP_NOTE_H
#define SLUICE_CLI_BACKUP_NOTE_H

#include "base/json.h"
#include "store/store.h"

/* {"path", "sha256": of the manifest, "files", "bytes"}; in a transaction of its own. */
int backup_note_obey(struct store *store, const struct json *document, const char *actor, struct arena *arena,
                     struct err *err);

#endif
