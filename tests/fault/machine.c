/* SPDX-License-Identifier: Apache-2.0
 * For LD_PRELOAD: another machine, as far as its programs can tell. Of the folder $MACHINE,
 *
 *   boot_id    is read in place of the kernel's, so that the machine seems to have been started again
 *   clock_ms   holds how far the wall clock is ahead of the true one (negative: behind), and may change at any time
 *
 * A file that is not there changes nothing.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static char boot_path[4096];
static char clock_path[4096];

/* At once: a step's process loses its environment. */
__attribute__((constructor)) static void read_environment(void)
{
    const char *folder = getenv("MACHINE");
    if (folder != NULL) {
        (void)snprintf(boot_path, sizeof boot_path, "%s/boot_id", folder);
        (void)snprintf(clock_path, sizeof clock_path, "%s/clock_ms", folder);
    }
}

static long long ahead_ms(void)
{
    char text[32] = "";
    int saved = errno;
    int fd = clock_path[0] == '\0' ? -1 : (int)syscall(SYS_openat, AT_FDCWD, clock_path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!read(fd, text, sizeof text - 1);
        (void)close(fd);
    }
    errno = saved;
    return atoll(text);
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
    int result = (int)syscall(SYS_clock_gettime, id, ret);
    if (result == 0 && id == CLOCK_REALTIME) {
        long long ahead = ahead_ms();
        ret->tv_sec += ahead / 1000;
        ret->tv_nsec += ahead % 1000 * 1000000;
        ret->tv_sec += ret->tv_nsec < 0 ? -1 : ret->tv_nsec >= 1000000000 ? 1 : 0;
        ret->tv_nsec += ret->tv_nsec < 0 ? 1000000000 : ret->tv_nsec >= 1000000000 ? -1000000000 : 0;
    }
    return result;
}

static const char *seen_as(const char *path)
{
    int saved = errno;
    if (strcmp(path, "/proc/sys/kernel/random/boot_id") == 0 && boot_path[0] != '\0' && access(boot_path, R_OK) == 0) {
        path = boot_path;
    }
    errno = saved;
    return path;
}

static int open_as(const char *name, const char *path, int flags, mode_t mode)
{
    int (*real)(const char *, int, ...);
    *(void **)&real = dlsym(RTLD_NEXT, name);
    return real(seen_as(path), flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_as("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_as("open64", path, flags, mode);
}
