/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include "base/mem.h"
#include "disk_internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct disk disk = {.files = {{.suffix = ""}, {.suffix = "-wal"}, {.suffix = "-journal"}}};

/* ---- content --------------------------------------------------------------------------------- */

static void make_room(struct content *content, size_t size)
{
    if (content->room < size) {
        content->room = size * 2;
        content->bytes = mem_resize(content->bytes, content->room, 1);
    }
}

static void content_write(struct content *content, const void *bytes, size_t size, size_t offset)
{
    make_room(content, offset + size);
    if (content->size < offset) {
        memset(content->bytes + content->size, 0, offset - content->size);
    }
    memcpy(content->bytes + offset, bytes, size);
    content->touched = true;
    content->size = content->size > offset + size ? content->size : offset + size;
}

static void content_copy(struct content *to, const struct content *from)
{
    to->touched = true;
    make_room(to, from->size + 1);
    if (from->size > 0) {
        memcpy(to->bytes, from->bytes, from->size);
    }
    to->size = from->size;
}

static void file_sync(struct file *file)
{
    if (file->dirty_to > file->now.size) {
        file->dirty_to = file->now.size;
    }
    if (file->dirty_from < file->dirty_to) {
        content_write(&file->synced, file->now.bytes + file->dirty_from, file->dirty_to - file->dirty_from,
                      file->dirty_from);
    }
    file->synced.touched = file->synced.touched || file->synced.size != file->now.size;
    file->synced.size = file->now.size;
    file->dirty_from = SIZE_MAX;
    file->dirty_to = 0;
}

static void file_remove(struct file *file)
{
    file->exists = false;
    file->now.size = file->synced.size = 0;
    file->now.touched = file->synced.touched = true;
    file->dirty_from = SIZE_MAX;
    file->dirty_to = 0;
}

/* ---- faults ---------------------------------------------------------------------------------- */

/* SQLITE_OK, or what this write or sync comes to. */
static int next_operation(bool is_sync)
{
    if (disk.dead) {
        return SQLITE_IOERR;
    }
    disk.operations++;
    if (disk.fault == DISK_FAULT_NONE || disk.fault_after-- > 0) {
        return SQLITE_OK;
    }
    enum disk_fault fault = disk.fault;
    if ((fault == DISK_FAULT_SYNC || fault == DISK_FAULT_AFTER_SYNC) != is_sync && fault != DISK_FAULT_DIE) {
        disk.fault_after = 0; /* the next that is of its kind */
        return SQLITE_OK;
    }
    disk.fault_after = 0;
    if (--disk.fault_length <= 0) {
        disk.fault = DISK_FAULT_NONE;
    }
    switch (fault) {
    case DISK_FAULT_FULL:
        return SQLITE_FULL;
    case DISK_FAULT_IOERR:
        return SQLITE_IOERR_WRITE;
    case DISK_FAULT_SYNC:
    case DISK_FAULT_AFTER_SYNC:
        return SQLITE_IOERR_FSYNC;
    default:
        disk_process_dies();
        disk.host.die(disk.host.ctx);
        return SQLITE_IOERR;
    }
}

/* ---- sqlite3_io_methods ---------------------------------------------------------------------- */

static int disk_unlock(sqlite3_file *base, int level);

static int disk_close(sqlite3_file *base)
{
    (void)disk_unlock(base, SQLITE_LOCK_NONE);
    (void)disk_shm_unmap(base, 0);
    return SQLITE_OK;
}

static int disk_read(sqlite3_file *base, void *room, int size, sqlite3_int64 offset)
{
    const struct content *now = &handle_of(base)->file->now;
    size_t from = (size_t)offset;
    size_t have = from >= now->size ? 0 : now->size - from;
    size_t take = have < (size_t)size ? have : (size_t)size;
    if (disk.dead && !handle_of(base)->looks) {
        return SQLITE_IOERR_READ;
    }
    if (take > 0) {
        memcpy(room, now->bytes + from, take);
    }
    memset((char *)room + take, 0, (size_t)size - take);
    return take == (size_t)size ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int disk_write(sqlite3_file *base, const void *bytes, int size, sqlite3_int64 offset)
{
    struct file *file = handle_of(base)->file;
    int code = next_operation(false);
    if (code != SQLITE_OK) {
        return code;
    }
    content_write(&file->now, bytes, (size_t)size, (size_t)offset);
    file->dirty_from = file->dirty_from < (size_t)offset ? file->dirty_from : (size_t)offset;
    file->dirty_to = file->dirty_to > (size_t)(offset + size) ? file->dirty_to : (size_t)(offset + size);
    return SQLITE_OK;
}

static int disk_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct file *file = handle_of(base)->file;
    int code = next_operation(false);
    if (code == SQLITE_OK && (size_t)size < file->now.size) {
        file->now.size = (size_t)size;
        file->now.touched = true;
    }
    return code;
}

static int disk_sync(sqlite3_file *base, int flags)
{
    bool lies = disk.fault == DISK_FAULT_AFTER_SYNC;
    int code = next_operation(true);
    (void)flags;
    if (code == SQLITE_OK || (lies && code == SQLITE_IOERR_FSYNC)) {
        file_sync(handle_of(base)->file);
    }
    return code;
}

static int disk_size(sqlite3_file *base, sqlite3_int64 *ret_size)
{
    *ret_size = (sqlite3_int64)handle_of(base)->file->now.size;
    return SQLITE_OK;
}

static int disk_lock(sqlite3_file *base, int level)
{
    struct handle *handle = handle_of(base);
    struct file *file = handle->file;
    if (handle->lock >= level) {
        return SQLITE_OK;
    }
    bool others_exclusive = file->exclusive != NULL && file->exclusive != handle;
    bool others_reserved = file->reserved != NULL && file->reserved != handle;
    int own = handle->lock >= SQLITE_LOCK_SHARED ? 1 : 0;
    if (others_exclusive || (level >= SQLITE_LOCK_RESERVED && others_reserved) ||
        (level == SQLITE_LOCK_EXCLUSIVE && file->shared > own)) {
        return SQLITE_BUSY;
    }
    file->shared += own == 0 ? 1 : 0;
    file->reserved = level >= SQLITE_LOCK_RESERVED ? handle : file->reserved;
    file->exclusive = level == SQLITE_LOCK_EXCLUSIVE ? handle : file->exclusive;
    handle->lock = level;
    return SQLITE_OK;
}

static int disk_unlock(sqlite3_file *base, int level)
{
    struct handle *handle = handle_of(base);
    struct file *file = handle->file;
    if (handle->lock <= level) {
        return SQLITE_OK;
    }
    file->exclusive = file->exclusive == handle ? NULL : file->exclusive;
    file->reserved = file->reserved == handle ? NULL : file->reserved;
    file->shared -= level == SQLITE_LOCK_NONE ? 1 : 0;
    handle->lock = level;
    return SQLITE_OK;
}

static int disk_check_reserved(sqlite3_file *base, int *ret_reserved)
{
    *ret_reserved = handle_of(base)->file->reserved != NULL;
    return SQLITE_OK;
}

static int disk_control(sqlite3_file *base, int operation, void *argument)
{
    (void)base;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int disk_sector(sqlite3_file *base)
{
    (void)base;
    return SECTOR;
}

static int disk_characteristics(sqlite3_file *base)
{
    (void)base;
    return 0; /* promises nothing: not even that overwriting a byte leaves its neighbours alone */
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = disk_close,
    .xRead = disk_read,
    .xWrite = disk_write,
    .xTruncate = disk_truncate,
    .xSync = disk_sync,
    .xFileSize = disk_size,
    .xLock = disk_lock,
    .xUnlock = disk_unlock,
    .xCheckReservedLock = disk_check_reserved,
    .xFileControl = disk_control,
    .xSectorSize = disk_sector,
    .xDeviceCharacteristics = disk_characteristics,
    .xShmMap = disk_shm_map,
    .xShmLock = disk_shm_lock,
    .xShmBarrier = disk_shm_barrier,
    .xShmUnmap = disk_shm_unmap,
};

/* ---- sqlite3_vfs ----------------------------------------------------------------------------- */

static struct file *find(const char *path)
{
    for (int i = FILES - 1; path != NULL && i >= 0; i--) {
        size_t n = strlen(path);
        size_t tail = strlen(disk.files[i].suffix);
        if (n >= tail && strcmp(path + n - tail, disk.files[i].suffix) == 0) {
            return &disk.files[i];
        }
    }
    return NULL;
}

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *ret_flags)
{
    struct handle *handle = handle_of(base);
    struct file *file = find(path);
    (void)vfs;
    memset(handle, 0, sizeof *handle);
    bool looks = (flags & SQLITE_OPEN_READONLY) != 0;
    if ((disk.dead && !looks) || file == NULL || (!file->exists && (flags & SQLITE_OPEN_CREATE) == 0)) {
        return SQLITE_CANTOPEN;
    }
    handle->looks = looks;
    file->exists = true;
    handle->file = file;
    handle->base.pMethods = &methods;
    if (ret_flags != NULL) {
        *ret_flags = flags;
    }
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
    struct file *file = find(path);
    (void)vfs;
    (void)sync;
    int code = next_operation(false);
    if (code != SQLITE_OK) {
        return SQLITE_IOERR_DELETE;
    }
    file_remove(file);
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret_result)
{
    const struct file *file = find(path);
    (void)vfs;
    (void)flags;
    *ret_result = file != NULL && file->exists;
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int room, char *ret)
{
    (void)vfs;
    (void)snprintf(ret, (size_t)room, "%s", path);
    return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *ret)
{
    (void)vfs;
    for (int i = 0; i < size; i++) {
        ret[i] = (char)rng_next(disk.rng);
    }
    return size;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    disk.host.sleep(disk.host.ctx, (microseconds + 999) / 1000);
    return microseconds;
}

static int vfs_time64(sqlite3_vfs *vfs, sqlite3_int64 *ret)
{
    (void)vfs;
    *ret = 210866760000000 + clock_wall_ms(disk.host.clock); /* Julian day of 1970, in milliseconds */
    return SQLITE_OK;
}

static int vfs_time(sqlite3_vfs *vfs, double *ret)
{
    sqlite3_int64 ms = 0;
    (void)vfs_time64(vfs, &ms);
    *ret = (double)ms / 86400000.0;
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int room, char *ret)
{
    (void)vfs;
    (void)room;
    (void)ret;
    return 0;
}

static sqlite3_vfs vfs = {
    .iVersion = 2,
    .szOsFile = sizeof(struct handle),
    .mxPathname = 512,
    .zName = "simulated",
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_full_path,
    .xRandomness = vfs_randomness,
    .xSleep = vfs_sleep,
    .xCurrentTime = vfs_time,
    .xCurrentTimeInt64 = vfs_time64,
    .xGetLastError = vfs_last_error,
};

/* ---- the world's side ------------------------------------------------------------------------ */

void disk_register(const struct disk_host *host, struct rng *rng)
{
    disk.host = *host;
    disk.rng = rng;
    (void)sqlite3_vfs_register(&vfs, 1);
}

void disk_keep_image(void)
{
    for (int i = 0; i < FILES; i++) {
        content_copy(&disk.files[i].image, &disk.files[i].now);
        disk.files[i].in_image = disk.files[i].exists;
    }
}

/* Most histories end before the database itself is written: it is as it was. */
static void put_back(struct content *content, const struct content *image)
{
    if (content->touched) {
        content_copy(content, image);
        content->touched = false;
    }
}

void disk_reset(void)
{
    disk_process_gone();
    for (int i = 0; i < FILES; i++) {
        struct file *file = &disk.files[i];
        put_back(&file->now, &file->image);
        put_back(&file->synced, &file->image);
        file->exists = file->in_image;
        file->dirty_from = SIZE_MAX;
        file->dirty_to = 0;
    }
    disk.fault = DISK_FAULT_NONE;
    disk.locked_until_ms = 0;
    disk.operations = 0;
}

void disk_fail(enum disk_fault fault, int operations, int length)
{
    disk.fault = fault;
    disk.fault_after = operations;
    disk.fault_length = length;
}

void disk_hold_lock(int64_t until_monotonic_ms)
{
    disk.locked_until_ms = until_monotonic_ms;
}

static struct handle *handle_of_connection(sqlite3 *db)
{
    sqlite3_file *file = NULL;
    (void)sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    return file == NULL || file->pMethods != &methods ? NULL : handle_of(file);
}

bool disk_detach(sqlite3 *db)
{
    struct handle *handle = handle_of_connection(db);
    if (handle == NULL || handle->apart || handle->lock != SQLITE_LOCK_SHARED || !handle->mapped ||
        handle->shm_exclusive != 0 || handle->shm_shared != 0) {
        return false;
    }
    handle->apart = true;
    handle->file->shared--;
    disk.connections--;
    disk_index_forget();
    return true;
}

void disk_attach(sqlite3 *db)
{
    struct handle *handle = handle_of_connection(db);
    disk.files[WAL].exists = true; /* who opens it makes it when there is none */
    handle->apart = false;
    handle->file->shared++;
    disk.connections++;
}

void disk_process_dies(void)
{
    disk.dead = true;
}

void disk_process_gone(void)
{
    disk.dead = false;
    disk.fault = DISK_FAULT_NONE;
}

/* Of what was not synced each sector is there or not; or all of it, or none. */
void disk_power_lost(struct rng *rng)
{
    for (int i = 0; i < FILES; i++) {
        struct file *file = &disk.files[i];
        uint64_t way = rng_below(rng, 3);
        size_t to = file->dirty_to < file->now.size ? file->dirty_to : file->now.size;
        for (size_t at = file->dirty_from / SECTOR * SECTOR; file->dirty_from != SIZE_MAX && at < to; at += SECTOR) {
            size_t size = file->now.size - at < SECTOR ? file->now.size - at : SECTOR;
            if (way == 1 || (way == 2 && rng_below(rng, 2) == 0)) {
                content_write(&file->synced, file->now.bytes + at, size, at);
            }
        }
        content_copy(&file->now, &file->synced);
        file->dirty_from = SIZE_MAX;
        file->dirty_to = 0;
    }
}

int64_t disk_operations(void)
{
    return disk.operations;
}
