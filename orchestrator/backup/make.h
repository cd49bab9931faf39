/* SPDX-License-Identifier: Apache-2.0
 * Makes a backup of a home that is in use: of the moment at which the store is copied.
 *
 * The store comes first, by one read transaction; then the journals of runs, those of open runs as far as the copied
 * store had read them; then the artifacts. So whatever a row of the copy speaks of was there before it was looked for,
 * and what came later and is in it nevertheless (an artifact) is a file that no row speaks of. Nothing in the home is
 * written, and nobody waits.
 */
#ifndef SLUICE_BACKUP_MAKE_H
#define SLUICE_BACKUP_MAKE_H

#include "backup/manifest.h"
#include "store/store.h"

struct backup_options {
    struct store *store;      /* a reader of the home's */
    const char *home;         /* absolute folder */
    const char *target;       /* backup/target.h */
    const unsigned char *key; /* the home's, to verify the activity log; NULL: it may not be read */
    bool with_key;            /* it becomes part of the backup */
    int64_t log_bytes_max;    /* of the write-ahead log, while the store is copied */
    size_t keep;              /* so many backups are kept, this one among them; 0: all */
    const char *sluice;       /* our version */
    int64_t now_ms;
    struct arena *arena;
};

struct backup_result {
    const char *path; /* of the backup */
    struct backup_manifest manifest;
    int64_t copied_files, copied_bytes; /* the others are those of the backup before it */
    size_t removed;                     /* older backups */
    size_t skipped;                     /* what is neither file nor folder */
    const char *skipped_first;
    size_t wrong; /* files that are not what the store has recorded of them, or gone */
    const char *wrong_first;
};

/* 0 when the backup is on the disk; it is sound, but `wrong` and `skipped` may say what it could not hold. */
int backup_make(const struct backup_options *options, struct backup_result *ret, struct err *err);

#endif
