/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file_limit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static struct rlimit given;
static bool is_raised;

void file_limit_raise(void)
{
    if (is_raised || getrlimit(RLIMIT_NOFILE, &given) < 0) {
        return;
    }
    struct rlimit most = {given.rlim_max, given.rlim_max};
    is_raised = setrlimit(RLIMIT_NOFILE, &most) == 0;
}

void file_limit_lower(void)
{
    if (is_raised) {
        is_raised = setrlimit(RLIMIT_NOFILE, &given) < 0;
    }
}

size_t file_limit(void)
{
    struct rlimit now;
    return getrlimit(RLIMIT_NOFILE, &now) < 0 ? 0 : (size_t)now.rlim_cur;
}

/* The system gives the lowest number that is free. */
int file_limit_for_client(int fd)
{
    size_t most = file_limit();
    if (fd < 0 || (size_t)fd < most - most / 8) {
        return fd;
    }
    (void)close(fd);
    errno = EMFILE;
    return -1;
}

bool file_limit_is_near(int fd)
{
    int next = file_limit_for_client(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (next >= 0) {
        (void)close(next);
    }
    return next < 0;
}
