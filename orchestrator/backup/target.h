/* SPDX-License-Identifier: Apache-2.0
 * The folder that backups are made in: each a folder of its own, called by the moment it was begun
 * (2026-11-27T03-35-11Z), complete in itself. Files that are the same in several are one file with several names, so
 * that each can be removed by itself.
 *
 * What is not whole yet is called .unfinished; what is being removed, .removing: neither is taken for a backup. One
 * process makes or removes backups at a time, by a lock on the folder.
 */
#ifndef SLUICE_BACKUP_TARGET_H
#define SLUICE_BACKUP_TARGET_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct backup_target {
    const char *path; /* absolute, without links */
    const char *staging; /* an empty folder */
    int lock_fd;
};

/* Makes the folder if there is none, takes it, and clears what a killed process left. ERR_BUSY when another has it. */
int backup_target_open(const char *path, struct arena *arena, struct backup_target *ret, struct err *err);
/* What was not finished is removed. */
void backup_target_close(struct backup_target *target);
/* The names of the whole backups, oldest first. */
const char *const *backup_target_list(const char *path, struct arena *arena, size_t *ret_count);
/* A backup, or of a folder of them the newest; absolute. NULL when there is none of that name: ERR_NOT_FOUND. */
const char *backup_target_find(const char *given, struct arena *arena, struct err *err);
/* The staging folder is on the disk and has its name when this returns. */
int backup_target_finish(struct backup_target *target, int64_t made_ms, struct arena *arena, const char **ret_name,
                         struct err *err);
/* Removes all but the newest `keep`. */
int backup_target_prune(struct backup_target *target, size_t keep, struct arena *arena, size_t *ret_removed,
                        struct err *err);

#endif
