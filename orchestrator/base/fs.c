/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs.h"

#include "base/fd.h"
#include "base/path.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { READ_BLOCK = 64 << 10 };

bool fs_exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

bool fs_is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

bool fs_is_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

static int open_to_read(const char *path, int flags, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (fd < 0) {
        return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "there is no file '%s'", path)
                               : err_errno(err, "opening '%s'", path);
    }
    return fd;
}

int fs_open_file(const char *path, struct err *err)
{
    /* Without O_NONBLOCK, opening a named pipe waits for somebody to write to it. */
    int fd = open_to_read(path, O_NONBLOCK, err);
    struct stat status;
    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, &status) < 0) {
        (void)err_errno(err, "reading '%s'", path);
    } else if (!S_ISREG(status.st_mode)) {
        const char *found = S_ISDIR(status.st_mode) ? "a folder" : S_ISFIFO(status.st_mode) ? "a pipe" : "a device";
        (void)err_set(err, ERR_INPUT, "'%s' is %s, expected a file", path, found);
    } else {
        return fd;
    }
    (void)close(fd);
    return -1;
}

int fs_open_below(int folder, const char *path, int flags)
{
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, folder, *path == '\0' ? "." : path, &how, sizeof how);
}

bool fs_is_absent(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ELOOP || error == EXDEV || error == ENAMETOOLONG;
}

static int read_all(int fd, const char *path, size_t max_bytes, struct arena *arena, struct str *ret_text,
                    struct err *err)
{
    struct strbuf text;
    strbuf_init(&text, max_bytes);
    char block[READ_BLOCK];
    ssize_t got = 0;
    while (!text.overflow && (got = read(fd, block, sizeof block)) > 0) {
        strbuf_add(&text, block, (size_t)got);
    }
    int result = 0;
    if (got < 0) {
        result = err_errno(err, "reading '%s'", path);
    } else if (text.overflow) {
        result = err_set(err, ERR_LIMIT, "'%s' is larger than %zu bytes", path, max_bytes);
    } else {
        *ret_text = arena_str(arena, strbuf_str(&text));
    }
    strbuf_clear(&text);
    (void)close(fd);
    return result;
}

int fs_read(const char *path, size_t max_bytes, struct arena *arena, struct str *ret_text, struct err *err)
{
    int fd = open_to_read(path, 0, err);
    return fd < 0 ? -1 : read_all(fd, path, max_bytes, arena, ret_text, err);
}

int fs_read_file(const char *path, size_t max_bytes, struct arena *arena, struct str *ret_text, struct err *err)
{
    int fd = fs_open_file(path, err);
    return fd < 0 ? -1 : read_all(fd, path, max_bytes, arena, ret_text, err);
}

static void sync_folder_of(struct arena *arena, const char *path)
{
    int fd = open(path_dir(arena, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
}

int fs_write(const char *path, struct str bytes, mode_t mode, bool sync, struct err *err)
{
    struct arena *arena = arena_new();
    unsigned random = 0;
    (void)getrandom(&random, sizeof random, 0);
    const char *beside = arena_printf(arena, "%s.%08x.new", path, random);
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    int result = fd < 0 ? err_errno(err, "creating '%s'", path) : 0; /* what lies beside it is no word for people */
    if (result == 0 && (fd_write_all(fd, bytes) < 0 || (sync && fsync(fd) < 0))) {
        result = err_errno(err, "writing '%s'", path);
    }
    if (fd >= 0 && close(fd) < 0 && result == 0) {
        result = err_errno(err, "writing '%s'", path);
    }
    if (result == 0 && rename(beside, path) < 0) {
        result = err_errno(err, "replacing '%s'", path);
    }
    if (result < 0 && fd >= 0) {
        (void)unlink(beside);
    }
    if (result == 0 && sync) {
        sync_folder_of(arena, path);
    }
    arena_free(arena);
    return result;
}

/* 0, or why there is none. */
static int make_folder(const char *path, mode_t mode)
{
    int why = *path == '\0' || mkdir(path, mode) == 0 ? 0 : errno;
    return why == EEXIST && fs_is_folder(path) ? 0 : why;
}

static int make_folders(char *path, mode_t mode, struct err *err)
{
    int why = make_folder(path, mode);
    char *slash = strrchr(path, '/');
    if ((why == ENOENT || why == ENOTDIR) && slash != NULL) {
        *slash = '\0';
        int result = make_folders(path, mode, err);
        *slash = '/';
        if (result < 0) {
            return -1;
        }
        why = make_folder(path, mode);
    }
    errno = why;
    return why == 0        ? 0
           : why == EEXIST ? err_set(err, ERR_IO, "'%s' is there, but is no folder", path)
                           : err_errno(err, "making the folder '%s'", path);
}

int fs_make_folders(const char *path, mode_t mode, struct err *err)
{
    /* Mostly only the last is missing, or the last two: the way from the root is not walked. */
    if (make_folder(path, mode) == 0) {
        return 0;
    }
    struct arena *arena = arena_new();
    int result = make_folders(arena_strdup(arena, path), mode, err);
    arena_free(arena);
    return result;
}

const char *fs_network_name(const char *path)
{
    static const struct {
        unsigned long type;
        const char *name;
    } networks[] = {{NFS_SUPER_MAGIC, "nfs"}, {SMB_SUPER_MAGIC, "smb"},   {0xff534d42, "cifs"},  {0xfe534d42, "smb2"},
                    {AFS_SUPER_MAGIC, "afs"}, {CODA_SUPER_MAGIC, "coda"}, {V9FS_MAGIC, "9p"},    {0x00c36400, "ceph"},
                    {0x0bd00bd0, "lustre"},   {0x47504653, "gpfs"},       {0x19830326, "beegfs"}};
    struct statfs info;
    if (statfs(path, &info) < 0) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
        if ((unsigned long)info.f_type == networks[i].type) {
            return networks[i].name;
        }
    }
    return NULL;
}
