/* SPDX-License-Identifier: Apache-2.0
 * Is a backup what it says it is, and what its store says of its files?
 */
#ifndef SLUICE_BACKUP_CHECK_H
#define SLUICE_BACKUP_CHECK_H

#include "backup/manifest.h"
#include "store/store.h"

struct backup_faults {
    size_t count;
    const char *first; /* in words */
};

/* Reads every file of the list and compares. -1 only when it cannot go on. */
int backup_check_files(const char *backup, const struct backup_list *list, struct arena *arena,
                       struct backup_faults *ret, struct err *err);
/* Compares what the store recorded of files in `home` (manifest.home) with the list, which is sorted. */
int backup_check_rows(struct store *store, const char *home, const struct backup_list *list, struct arena *arena,
                      struct backup_faults *ret, struct err *err);

#endif
