/* SPDX-License-Identifier: Apache-2.0 */
#include "move/files.h"

#include "base/fd.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "digest/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 1000000, PIECE_BYTES = 1 << 20 };

/* Reads all of it, and writes it to `to_fd` unless that is -1. */
static int pass(int from_fd, int to_fd, const char *from, const char *to, struct artifact *ret, struct arena *arena,
                struct err *err)
{
    struct digest_stream *stream = digest_stream_new();
    char *piece = mem_alloc(PIECE_BYTES);
    int result = 0;
    ret->size_bytes = 0;
    while (result == 0) {
        ssize_t n = read(from_fd, piece, PIECE_BYTES);
        if (n == 0) {
            break;
        }
        if (n < 0) {
            result = errno == EINTR ? 0 : err_errno(err, "reading '%s'", from);
            continue;
        }
        digest_stream_add(stream, (struct str){piece, (size_t)n});
        ret->size_bytes += n;
        bool written = to_fd < 0 || fd_write_all(to_fd, (struct str){piece, (size_t)n}) == 0;
        result = written ? 0 : err_errno(err, "writing '%s'", to);
    }
    free(piece);
    struct digest digest = digest_stream_take(stream);
    ret->sha256 = arena_strdup(arena, digest.hex);
    return result;
}

static int copy(const struct move_files *files, int from_fd, const char *from, const char *to, struct artifact *ret,
                struct arena *arena, struct err *err)
{
    int fd = open(files->incoming, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) {
        return err_errno(err, "making '%s'", files->incoming);
    }
    int result = pass(from_fd, fd, from, to, ret, arena, err);
    if (close(fd) < 0 && result == 0) {
        result = err_errno(err, "writing '%s'", files->incoming);
    }
    if (result == 0 && rename(files->incoming, to) < 0) {
        result = err_errno(err, "making '%s'", to);
    }
    if (result < 0) {
        (void)unlink(files->incoming);
    }
    return result;
}

/* A hard link, where the file system has one: 1, 0 when it has none, -1. */
static int link_file(int from_fd, const char *from, const char *to, struct artifact *ret, struct arena *arena,
                     struct err *err)
{
    (void)unlink(to);
    if (link(from, to) == 0) {
        return pass(from_fd, -1, from, to, ret, arena, err) < 0 ? -1 : 1;
    }
    return errno == EXDEV || errno == EPERM || errno == EMLINK || errno == EOPNOTSUPP
               ? 0
               : err_errno(err, "linking '%s' to '%s'", to, from);
}

static int bring(struct move_files *files, const char *from, const char *to, struct artifact *ret,
                 struct arena *arena, struct err *err)
{
    int fd = fs_make_folders(path_dir(arena, to), 0770, err) < 0 ? -1 : fs_open_file(from, err);
    if (fd < 0) {
        return -1;
    }
    int linked = files->mode == MOVE_LINK ? link_file(fd, from, to, ret, arena, err) : 0;
    int result = linked < 0 ? -1 : 0;
    if (linked == 0) {
        files->copied_for_link = files->copied_for_link || files->mode == MOVE_LINK;
        result = copy(files, fd, from, to, ret, arena, err);
    }
    (void)close(fd);
    return result;
}

static const struct artifact *find(const struct artifact *have, size_t count, const char *path)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(have[middle].path, path);
        if (order == 0) {
            return &have[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

static bool is_there(const char *path, int64_t size)
{
    struct stat status;
    return lstat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == size;
}

int move_files_bring(struct move_files *files, const char *from, const char *to, const struct artifact *have,
                     size_t have_count, struct arena *arena, struct artifact **ret, size_t *ret_count,
                     struct err *err)
{
    struct fs_list list;
    *ret_count = 0;
    if (fs_walk(from, FILES_MAX, arena, &list, err) < 0) {
        return -1;
    }
    *ret = arena_array(arena, list.count + 1, sizeof **ret);
    for (size_t i = 0; i < list.count; i++) {
        const struct fs_entry *entry = &list.entries[i];
        const char *target = path_join(arena, to, entry->path);
        const struct artifact *known = find(have, have_count, entry->path);
        if (known != NULL && known->size_bytes == entry->size_bytes && is_there(target, entry->size_bytes)) {
            files->before++;
            continue;
        }
        struct artifact *row = &(*ret)[*ret_count];
        row->path = entry->path;
        if (bring(files, path_join(arena, from, entry->path), target, row, arena, err) < 0) {
            return -1;
        }
        ++*ret_count;
        files->count++;
        files->bytes += row->size_bytes;
    }
    return 0;
}

int move_files_sync(const char *folder, struct err *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 || syncfs(fd) < 0 ? err_errno(err, "syncing '%s'", folder) : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return result;
}
