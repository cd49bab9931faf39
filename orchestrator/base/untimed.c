/* SPDX-License-Identifier: Apache-2.0 */
#include "base/untimed.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

enum { ALL_BUT_TIMES = STATX_BASIC_STATS & ~(STATX_ATIME | STATX_MTIME | STATX_CTIME) };

static int look(int fd, const char *path, int flags, struct stat *ret)
{
    struct statx found;
    if (statx(fd, path, flags, ALL_BUT_TIMES, &found) < 0) {
        return -1;
    }
    memset(ret, 0, sizeof *ret);
    ret->st_dev = makedev(found.stx_dev_major, found.stx_dev_minor);
    ret->st_rdev = makedev(found.stx_rdev_major, found.stx_rdev_minor);
    ret->st_ino = found.stx_ino;
    ret->st_mode = found.stx_mode;
    ret->st_nlink = found.stx_nlink;
    ret->st_uid = found.stx_uid;
    ret->st_gid = found.stx_gid;
    ret->st_size = (off_t)found.stx_size;
    ret->st_blksize = (blksize_t)found.stx_blksize;
    ret->st_blocks = (blkcnt_t)found.stx_blocks;
    return 0;
}

int untimed_fstat(int fd, struct stat *ret)
{
    return look(fd, "", AT_EMPTY_PATH, ret);
}

int untimed_stat(const char *path, struct stat *ret)
{
    return look(AT_FDCWD, path, 0, ret);
}

void untimed_reads(int fd)
{
    int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL); /* who could not open it has errno still */
    if (flags >= 0) {
        (void)fcntl(fd, F_SETFL, flags | O_NOATIME);
    }
}
