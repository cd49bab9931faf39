/* SPDX-License-Identifier: Apache-2.0
 * The inside of the disk, shared by its files.
 */
#ifndef SLUICE_SIM_DISK_INTERNAL_H
#define SLUICE_SIM_DISK_INTERNAL_H

#include "disk.h"

#include <sqlite3.h>
#include <stddef.h>

enum { WAL = 1, FILES = 3, REGIONS = 4, SECTOR = 512 };

/* What one file holds, and what of it would survive a power cut. */
struct content {
    unsigned char *bytes;
    size_t size, room;
    bool touched; /* since it was the image */
};

struct file {
    const char *suffix;
    bool exists;
    struct content now, synced;
    size_t dirty_from, dirty_to; /* bytes written since the last sync */
    struct content image;
    bool in_image;
    int shared; /* holders of SHARED and more */
    const void *reserved, *exclusive;
};

struct disk {
    struct disk_host host;
    struct rng *rng;
    struct file files[FILES];
    unsigned char *regions[REGIONS]; /* the wal-index */
    int region_bytes;
    int shm_shared[SQLITE_SHM_NLOCK];
    const void *shm_exclusive[SQLITE_SHM_NLOCK];
    int connections;
    enum disk_fault fault;
    int fault_after, fault_length;
    int64_t locked_until_ms;
    int64_t operations;
    bool dead;
};
extern struct disk disk;

/* One connection's handle. */
struct handle {
    sqlite3_file base;
    struct file *file;
    int lock;
    int shm_shared, shm_exclusive; /* bits of the locks held */
    bool mapped;
    bool apart; /* its connection is kept, and belongs to nobody */
    bool looks; /* it only reads: another process, which the death of the engine's does not touch */
};

static inline struct handle *handle_of(sqlite3_file *file)
{
    return (struct handle *)(void *)file;
}

/* ---- disk_index.c: of sqlite3_io_methods ---- */
int disk_shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **ret);
int disk_shm_lock(sqlite3_file *base, int offset, int count, int flags);
void disk_shm_barrier(sqlite3_file *base);
int disk_shm_unmap(sqlite3_file *base, int remove);
/* Empties it when nobody has it mapped. */
void disk_index_forget(void);

#endif
