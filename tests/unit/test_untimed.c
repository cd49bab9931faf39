/* SPDX-License-Identifier: Apache-2.0 */
#include "base/untimed.h"
#include "test.h"

#include <fcntl.h>
#include <unistd.h>

static int make_file(char *path)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "some bytes", 10), 10);
    return fd;
}

TEST(a_look_without_times_sees_all_else)
{
    char path[] = "/tmp/sluice-untimed-XXXXXX";
    int fd = make_file(path);
    struct stat timed;
    struct stat by_fd;
    struct stat by_path;
    assert_int_equal(fstat(fd, &timed), 0);
    assert_int_equal(untimed_fstat(fd, &by_fd), 0);
    assert_int_equal(untimed_stat(path, &by_path), 0);
    assert_memory_equal(&by_fd, &by_path, sizeof by_fd);
    assert_true(by_fd.st_dev == timed.st_dev && by_fd.st_ino == timed.st_ino);
    assert_true(by_fd.st_mode == timed.st_mode && by_fd.st_nlink == timed.st_nlink);
    assert_true(by_fd.st_uid == timed.st_uid && by_fd.st_gid == timed.st_gid);
    assert_true(by_fd.st_size == 10 && by_fd.st_blocks == timed.st_blocks);
    assert_int_equal(by_fd.st_mtim.tv_sec, 0);
    close(fd);
    unlink(path);
    assert_int_equal(untimed_stat(path, &by_path), -1);
    assert_int_equal(untimed_fstat(-1, &by_fd), -1);
}

TEST(reads_leave_the_time_of_access)
{
    char path[] = "/tmp/sluice-untimed-XXXXXX";
    int fd = make_file(path);
    struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
    assert_int_equal(futimens(fd, long_ago), 0);
    untimed_reads(fd);
    char byte;
    struct stat timed;
    assert_int_equal(pread(fd, &byte, 1, 0), 1);
    assert_int_equal(fstat(fd, &timed), 0);
    assert_int_equal(timed.st_atim.tv_sec, 1000);
    close(fd);
    unlink(path);
    untimed_reads(-1);
}

TESTS(RUN(a_look_without_times_sees_all_else), RUN(reads_leave_the_time_of_access))
