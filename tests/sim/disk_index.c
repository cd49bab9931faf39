/* SPDX-License-Identifier: Apache-2.0
 * The wal-index and its locks: memory of the processes, not of the disk.
 */
#include "base/mem.h"
#include "disk_internal.h"

#include <stdlib.h>
#include <string.h>

int disk_shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **ret)
{
    struct handle *handle = handle_of(base);
    *ret = NULL;
    if (!handle->mapped) {
        handle->mapped = true;
        disk.connections++;
    }
    if (region >= REGIONS) {
        return SQLITE_NOMEM;
    }
    if (disk.regions[region] == NULL && extend == 0) {
        return SQLITE_OK;
    }
    if (disk.regions[region] == NULL) {
        disk.regions[region] = mem_array((size_t)size, 1);
        disk.region_bytes = size;
    }
    *ret = disk.regions[region];
    return SQLITE_OK;
}

static bool shm_may_lock(const struct handle *handle, int slot, bool exclusive)
{
    bool foreign = slot == 0 && exclusive && clock_monotonic_ms(disk.host.clock) < disk.locked_until_ms;
    int own = (handle->shm_shared >> slot) & 1;
    return !foreign && (disk.shm_exclusive[slot] == NULL || disk.shm_exclusive[slot] == handle) &&
           (!exclusive || disk.shm_shared[slot] == own);
}

static void shm_release(struct handle *handle, int slot)
{
    int bit = 1 << slot;
    if ((handle->shm_exclusive & bit) != 0) {
        disk.shm_exclusive[slot] = NULL;
    }
    if ((handle->shm_shared & bit) != 0) {
        disk.shm_shared[slot]--;
    }
    handle->shm_exclusive &= ~bit;
    handle->shm_shared &= ~bit;
}

int disk_shm_lock(sqlite3_file *base, int offset, int count, int flags)
{
    struct handle *handle = handle_of(base);
    bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        for (int slot = offset; slot < offset + count; slot++) {
            shm_release(handle, slot);
        }
        return SQLITE_OK;
    }
    for (int slot = offset; slot < offset + count; slot++) {
        if (!shm_may_lock(handle, slot, exclusive)) {
            return SQLITE_BUSY;
        }
    }
    for (int slot = offset; slot < offset + count; slot++) {
        int bit = 1 << slot;
        if (exclusive) {
            disk.shm_exclusive[slot] = handle;
            handle->shm_exclusive |= bit;
        } else if ((handle->shm_shared & bit) == 0) {
            disk.shm_shared[slot]++;
            handle->shm_shared |= bit;
        }
    }
    return SQLITE_OK;
}

void disk_shm_barrier(sqlite3_file *base)
{
    (void)base;
}

/* The last one to leave takes it away, as the real VFS does when no process has the file mapped. Who is apart still
 * knows the address, so it is only emptied: then it is made anew from the WAL. */
void disk_index_forget(void)
{
    for (int i = 0; disk.connections == 0 && i < REGIONS; i++) {
        if (disk.regions[i] != NULL) {
            memset(disk.regions[i], 0, (size_t)disk.region_bytes);
        }
    }
}

int disk_shm_unmap(sqlite3_file *base, int remove)
{
    struct handle *handle = handle_of(base);
    (void)remove;
    for (int slot = 0; slot < SQLITE_SHM_NLOCK; slot++) {
        shm_release(handle, slot);
    }
    if (handle->mapped) {
        handle->mapped = false;
        disk.connections--;
    }
    disk_index_forget();
    return SQLITE_OK;
}
