/* SPDX-License-Identifier: Apache-2.0
 * A disk in memory for SQLite: a VFS that keeps what was synced apart from what was only written.
 *
 * It holds one database and the files beside it. A process may die between any two writes (what it had written stays),
 * the power may go (what was not synced is lost, whole or in part), and single operations fail as told.
 */
#ifndef SLUICE_SIM_DISK_H
#define SLUICE_SIM_DISK_H

#include "base/clock.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stdint.h>

enum disk_fault {
    DISK_FAULT_NONE,
    DISK_FAULT_FULL,       /* writes fail: no room */
    DISK_FAULT_IOERR,      /* writes fail */
    DISK_FAULT_SYNC,       /* a sync fails, and nothing was synced */
    DISK_FAULT_AFTER_SYNC, /* a sync does its work and says that it failed */
    DISK_FAULT_DIE,        /* the process dies before the operation */
};

/* Makes it SQLite's default; once. `sleep` lets time pass, `die` is told when a fault ends the process. */
struct disk_host {
    void *ctx;
    const struct clock *clock;
    void (*sleep)(void *ctx, int ms);
    void (*die)(void *ctx);
};
void disk_register(const struct disk_host *host, struct rng *rng);

/* What is on the disk now becomes the state that disk_reset puts back. */
void disk_keep_image(void);
void disk_reset(void);
/* After `operations` more writes and syncs `length` of them fail. */
void disk_fail(enum disk_fault fault, int operations, int length);
/* Another process holds the writer's lock until then. */
void disk_hold_lock(int64_t until_monotonic_ms);
/* From now on nothing that the process does reaches the disk, until disk_process_gone. */
void disk_process_dies(void);
/* The process is no more. Its connections are closed, which has given back its locks; those that only read belong to
 * another process and may stay. */
void disk_process_gone(void);
void disk_power_lost(struct rng *rng);
/* The connection is kept for another process, and holds nothing meanwhile: neither locks nor the wal-index. False when
 * it is in the middle of something. */
struct sqlite3;
bool disk_detach(struct sqlite3 *db);
void disk_attach(struct sqlite3 *db);
/* Writes and syncs so far. */
int64_t disk_operations(void);

#endif
