/* SPDX-License-Identifier: Apache-2.0
 * What a new store owes the disk, and when.
 *
 * A new store is one page, which says that there is a write-ahead log, and the log. A power cut that takes either
 * leaves an empty store, which is made again: until something was committed that somebody was told of, nothing is lost
 * with it, and nothing is worth waiting for a sync. The first commit that writes something brings the page to the disk,
 * and what lies beside the store and is needed to read it (the home's key), before it syncs the log and the folder.
 *
 * A store that was left in that state, by a kill say, is known by its size, and owes the same.
 */
#ifndef SLUICE_STORE_FIRST_SYNC_H
#define SLUICE_STORE_FIRST_SYNC_H

#include "base/err.h"

#include <stdbool.h>

struct store;

/* Before store_open for writing, by whoever has the lock of the home: empties a file that a power cut has left with the
 * place of its first page, and not with its bytes. */
int store_mend_unsynced(const char *path, struct err *err);
/* From store_open for writing until that commit. A power cut before may leave what lies beside the store cut off. */
bool store_is_unsynced(const struct store *store);
/* A file to be synced with the first page. Closes it. */
void store_sync_beside(struct store *store, int take_fd);
/* While `later`, commits of a store that is unsynced are no promise: what they write would be written again by whoever
 * opens the home after a power cut. Not inside a transaction. */
int store_sync_later(struct store *store, bool later, struct err *err);
/* Does it at once: before something outside of the store depends on it, and before the log goes into the file. */
int store_sync_first(struct store *store, struct err *err);

#endif
