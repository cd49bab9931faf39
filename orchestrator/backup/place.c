/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/place.h"

#include "base/arena.h"
#include "base/fd.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOCK_BYTES = 1 << 20, FOLDER_MODE = 0700 };

static int make_folder_of(const char *path, struct err *err)
{
    struct arena *arena = arena_new();
    int result = fs_make_folders(path_dir(arena, path), FOLDER_MODE, err);
    arena_free(arena);
    return result;
}

static int copy_bytes(int in, int out, int64_t most, char *block, struct placed *ret)
{
    struct digest_stream *stream = digest_stream_new();
    ssize_t got = 0;
    bool written = true;
    ret->size_bytes = 0;
    while (written && ret->size_bytes != most) {
        int64_t left = most < 0 || most - ret->size_bytes > BLOCK_BYTES ? BLOCK_BYTES : most - ret->size_bytes;
        got = read(in, block, (size_t)left);
        if (got <= 0) {
            break;
        }
        digest_stream_add(stream, (struct str){block, (size_t)got});
        ret->size_bytes += got;
        written = fd_write_all(out, (struct str){block, (size_t)got}) == 0;
    }
    int number = errno;
    ret->digest = digest_stream_take(stream);
    errno = number;
    return got < 0 || !written ? -1 : 0;
}

static int copy_open(int in, const char *from, const char *to, mode_t mode, int64_t most, struct placed *ret,
                     struct err *err)
{
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 07777);
    if (out < 0) {
        return err_errno(err, "creating '%s'", to);
    }
    char *block = mem_alloc(BLOCK_BYTES);
    int result = copy_bytes(in, out, most, block, ret) < 0 || fchmod(out, mode & 07777) < 0
                     ? err_errno(err, "copying '%s' to '%s'", from, to)
                     : 0;
    free(block);
    return close(out) < 0 && result == 0 ? err_errno(err, "writing '%s'", to) : result;
}

int place_copy(const char *from, const char *to, mode_t mode, int64_t most, struct placed *ret, struct err *err)
{
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (in < 0) {
        return errno == ENOENT || errno == ENOTDIR ? 0 : err_errno(err, "opening '%s'", from);
    }
    int result = fstat(in, &ret->status) < 0 ? err_errno(err, "reading '%s'", from)
                 : !S_ISREG(ret->status.st_mode)
                     ? err_set(err, ERR_INPUT, "'%s' is no plain file", from)
                 : make_folder_of(to, err) < 0 ? -1
                                               : copy_open(in, from, to, mode, most, ret, err);
    (void)close(in);
    return result < 0 ? -1 : 1;
}

int place_link(const char *from, const char *to, struct err *err)
{
    if (make_folder_of(to, err) < 0) {
        return -1;
    }
    if (link(from, to) == 0) {
        return 1;
    }
    bool cannot = errno == EXDEV || errno == EPERM || errno == EMLINK || errno == ENOENT || errno == ENOTSUP;
    return cannot ? 0 : err_errno(err, "linking '%s' to '%s'", from, to);
}
