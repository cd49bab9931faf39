/* SPDX-License-Identifier: Apache-2.0
 * What must be on the disk before something else says that it is there.
 */
#include "base/fs.h"
#include "base/path.h"

#include <fcntl.h>
#include <unistd.h>

/* Of more files than this, the whole file system is synced at once: a sync each would take longer. */
enum { SYNC_EACH = 64, SYNC_MAX_FILES = 1000000 };

static int sync_by(int (*how)(int), const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int result = fd < 0 || how(fd) < 0 ? err_errno(err, "syncing '%s'", path) : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return result;
}

/* The folders from that of the file up to `top`, which is synced with them. */
static int sync_folders(const char *top, const char *file, struct arena *arena, struct err *err)
{
    int result = 0;
    size_t length = strlen(top);
    for (const char *folder = path_dir(arena, file); result == 0 && strlen(folder) >= length;
         folder = path_dir(arena, folder)) {
        result = sync_by(fsync, folder, err);
    }
    return result;
}

static int sync_tree(const char *top, struct arena *arena, struct err *err)
{
    struct fs_list list = {0};
    if (fs_walk(top, SYNC_MAX_FILES, arena, &list, err) < 0) {
        return -1;
    }
    if (list.count > SYNC_EACH) {
        return sync_by(syncfs, top, err);
    }
    int result = sync_by(fsync, top, err);
    for (size_t i = 0; result == 0 && i < list.count; i++) {
        const char *file = path_join(arena, top, list.entries[i].path);
        result = sync_by(fsync, file, err) < 0 ? -1 : sync_folders(top, file, arena, err);
    }
    return result;
}

int fs_sync(const char *path, struct err *err)
{
    if (!fs_is_folder(path)) {
        return sync_by(fsync, path, err);
    }
    struct arena *arena = arena_new();
    int result = sync_tree(path, arena, err);
    arena_free(arena);
    return result;
}

int fs_sync_name(const char *path, struct err *err)
{
    struct arena *arena = arena_new();
    int result = sync_by(fsync, path_dir(arena, path), err);
    arena_free(arena);
    return result;
}
