/* SPDX-License-Identifier: Apache-2.0
 * What must be on the disk before something else says that it is there.
 */
#include "base/fs.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <unistd.h>

/* Of more files and folders than this, the whole file system is synced at once: a sync each would take longer. */
enum { SYNC_EACH = 64 };

static int sync_by(int (*how)(int), const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int result = fd < 0 || how(fd) < 0 ? err_errno(err, "syncing '%s'", path) : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return result;
}

/* Links are their folder's, wherever they lead. More than SYNC_EACH: only the first of them. */
static int list_below(const char *top, struct arena *arena, const char **paths, size_t *ret_count, struct err *err)
{
    char *const roots[] = {arena_strdup(arena, top), NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    FTSENT *entry = NULL;
    int result = walk == NULL ? err_errno(err, "reading the folder '%s'", top) : 0;
    *ret_count = 0;
    while (result == 0 && *ret_count <= SYNC_EACH && (errno = 0, entry = fts_read(walk)) != NULL) {
        if (entry->fts_info == FTS_F || entry->fts_info == FTS_DP) {
            paths[(*ret_count)++] = arena_strdup(arena, entry->fts_path);
        } else if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS) {
            errno = entry->fts_errno;
            result = err_errno(err, "reading '%s'", entry->fts_path);
        }
    }
    if (result == 0 && entry == NULL && errno != 0) {
        result = err_errno(err, "reading the folder '%s'", top);
    }
    if (walk != NULL) {
        (void)fts_close(walk);
    }
    return result;
}

static int sync_tree(const char *top, struct arena *arena, struct err *err)
{
    const char *paths[SYNC_EACH + 1];
    size_t count = 0;
    if (list_below(top, arena, paths, &count, err) < 0) {
        return -1;
    }
    if (count > SYNC_EACH) {
        return sync_by(syncfs, top, err);
    }
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = sync_by(fsync, paths[i], err);
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
