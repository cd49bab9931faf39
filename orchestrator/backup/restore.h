/* SPDX-License-Identifier: Apache-2.0
 * A home from a backup: unpacked beside where it is to be, settled there, then given its name. Killed before the last
 * step, it leaves nothing at that name, and the next restore there begins anew.
 *
 *     restore_unpack    every file, its digest compared with the list
 *     restore_settle    what the store says of places and processes; the activity log begins a segment
 *     restore_finish    the name
 */
#ifndef SLUICE_BACKUP_RESTORE_H
#define SLUICE_BACKUP_RESTORE_H

#include "backup/manifest.h"
#include "store/store.h"

struct restore {
    const char *backup; /* absolute */
    const char *home;   /* where it is to be: absolute */
    const char *staging; /* where it is now; NULL: nowhere */
    int lock_fd;
    struct backup_manifest manifest;
    struct backup_list list;
};

/* `home` must not exist, or be an empty folder: ERR_EXISTS. ERR_CORRUPT names the first file that is not what was
 * copied, and how many there are; ERR_NEWER is a store of a later schema. */
int restore_unpack(const char *backup, const char *home, struct arena *arena, struct restore *ret, struct err *err);
/* In one transaction; `store` is the unpacked one, with its activity key set. */
int restore_settle(const struct restore *restore, struct store *store, const char *actor, int64_t now_ms,
                   struct arena *arena, struct err *err);
/* Everything is on the disk and has its name when this returns. */
int restore_finish(struct restore *restore, struct err *err);
/* What did not get its name is removed. */
void restore_end(struct restore *restore);

#endif
