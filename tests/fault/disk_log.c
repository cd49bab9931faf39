/* SPDX-License-Identifier: Apache-2.0
 * For LD_PRELOAD: writes down what a disk is told, in the order in which it is told. A test (test_power_loss.py)
 * rebuilds from it what the disk may hold when the power goes at any moment: what was not synced may be there, or not,
 * or in part.
 *
 * $DISK_LOG is the file that is written, $DISK_OF the folder that is watched. A record is a struct record, the path,
 * and the bytes of a write. A write is recorded before it is carried out, a sync after.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct record {
    char what; /* W write, T truncate, S sync, A sync of all, U unlink */
    char unused[5];
    uint16_t path_bytes;
    int64_t offset;
    int64_t size; /* of a write its bytes, of a truncation the new size */
    int64_t file; /* inode number */
    int64_t at_ns;
};

static char log_path[4096];
static char watched[4096];

/* At once: a step's process loses its environment. */
__attribute__((constructor)) static void read_environment(void)
{
    const char *log = getenv("DISK_LOG");
    const char *folder = getenv("DISK_OF");
    if (log != NULL && folder != NULL) {
        (void)snprintf(log_path, sizeof log_path, "%s", log);
        (void)snprintf(watched, sizeof watched, "%s/", folder);
    }
}

static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static void put(struct record record, const char *path, const struct iovec *parts, int count)
{
    struct iovec all[20] = {{&record, sizeof record}, {(void *)(uintptr_t)path, strlen(path)}};
    struct timespec now;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0 || count > 18) {
        abort(); /* a log with a hole proves nothing */
    }
    (void)clock_gettime(CLOCK_REALTIME, &now);
    record.at_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    record.path_bytes = (uint16_t)strlen(path);
    size_t size = sizeof record + record.path_bytes;
    for (int i = 0; i < count; i++) {
        all[2 + i] = parts[i];
        size += parts[i].iov_len;
    }
    ssize_t (*write_all)(int, const struct iovec *, int);
    *(void **)&write_all = real("writev");
    if (write_all(fd, all, 2 + count) != (ssize_t)size) {
        abort();
    }
    (void)syscall(SYS_close, fd);
}

static void note(int fd, char what, int64_t offset, int64_t size, const struct iovec *parts, int count)
{
    char link[64];
    char path[4096];
    struct stat st;
    int saved = errno;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = watched[0] == '\0' ? -1 : readlink(link, path, sizeof path - 1);
    if (n > 0 && fstat(fd, &st) == 0) {
        path[n] = '\0';
        bool inside = strncmp(path, watched, strlen(watched)) == 0 && strstr(path, "-shm") == NULL;
        if (what == 'A' || (inside && (S_ISREG(st.st_mode) || what == 'S'))) {
            put((struct record){.what = what, .offset = offset, .size = size, .file = (int64_t)st.st_ino}, path, parts,
                count);
        }
    }
    errno = saved;
}

/* ---- writes ---- */

static ssize_t write_at(const char *name, int fd, const void *bytes, size_t size, off64_t at)
{
    ssize_t (*go)(int, const void *, size_t, off64_t);
    *(void **)&go = real(name);
    note(fd, 'W', at, (int64_t)size, &(struct iovec){(void *)(uintptr_t)bytes, size}, 1);
    return go(fd, bytes, size, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    return write_at("pwrite", fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at)
{
    return write_at("pwrite64", fd, bytes, size, at);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    ssize_t (*go)(int, const struct iovec *, int, off_t);
    int64_t size = 0;
    for (int i = 0; i < count; i++) {
        size += (int64_t)parts[i].iov_len;
    }
    *(void **)&go = real("pwritev");
    note(fd, 'W', at, size, parts, count);
    return go(fd, parts, count, at);
}

static int cut(const char *name, int fd, off64_t size)
{
    int (*go)(int, off64_t);
    *(void **)&go = real(name);
    note(fd, 'T', 0, size, NULL, 0);
    return go(fd, size);
}

int ftruncate(int fd, off_t size)
{
    return cut("ftruncate", fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    return cut("ftruncate64", fd, size);
}

int unlink(const char *path)
{
    int (*go)(const char *);
    *(void **)&go = real("unlink");
    if (watched[0] != '\0' && strncmp(path, watched, strlen(watched)) == 0) {
        int saved = errno;
        put((struct record){.what = 'U'}, path, NULL, 0);
        errno = saved;
    }
    return go(path);
}

/* ---- syncs ---- */

static int sync_by(const char *name, int fd, char what)
{
    int (*go)(int);
    *(void **)&go = real(name);
    int result = go(fd);
    if (result == 0) {
        note(fd, what, 0, 0, NULL, 0);
    }
    return result;
}

int fsync(int fd)
{
    return sync_by("fsync", fd, 'S');
}

int fdatasync(int fd)
{
    return sync_by("fdatasync", fd, 'S');
}

int syncfs(int fd)
{
    return sync_by("syncfs", fd, 'A');
}
