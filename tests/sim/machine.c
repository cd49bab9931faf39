/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

#include "base/log.h"
#include "base/strbuf.h"
#include "origins.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

/* The linker's names of the functions themselves, and of what is called in their place. */
int __real_open(const char *path, int flags, ...);
ssize_t __real_read(int fd, void *room, size_t size);
ssize_t __real_pread(int fd, void *room, size_t size, off_t offset);
ssize_t __real_write(int fd, const void *bytes, size_t size);
int __real_mkdir(const char *path, mode_t mode);
DIR *__real_opendir(const char *path);
int __real_openat(int folder, const char *path, int flags, ...);
int __real_unlinkat(int folder, const char *path, int flags);
struct dirent *__real_readdir(DIR *folder);
int __real_rename(const char *from, const char *to);
char *__real_realpath(const char *path, char *room);
int __real_stat(const char *path, struct stat *ret);
int __wrap_stat(const char *path, struct stat *ret);
int __real_epoll_create1(int flags);
int __real_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int __wrap_open(const char *path, int flags, ...);
ssize_t __wrap_read(int fd, void *room, size_t size);
ssize_t __wrap_pread(int fd, void *room, size_t size, off_t offset);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
int __wrap_mkdir(const char *path, mode_t mode);
DIR *__wrap_opendir(const char *path);
int __wrap_openat(int folder, const char *path, int flags, ...);
int __wrap_unlinkat(int folder, const char *path, int flags);
struct dirent *__wrap_readdir(DIR *folder);
int __wrap_rename(const char *from, const char *to);
char *__wrap_realpath(const char *path, char *room);
int __wrap_epoll_create1(int flags);
int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);

void __real_log_line(enum log_level level, const char *component, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void __wrap_log_line(enum log_level level, const char *component, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static struct {
    bool engine; /* calls */
    int after, count;
    bool waits; /* of the engine fail, from one that did until its end: it must not go on as if nothing had happened */
    const char *failed;
} failing = {.after = -1};

static struct origins origins;

bool machine_engine_calls(bool engine)
{
    bool before = failing.engine;
    failing.engine = engine;
    return before;
}

void machine_fail(int calls)
{
    failing.after = calls;
    failing.waits = false;
    failing.failed = calls < 0 ? failing.failed : NULL;
}

void machine_process_ends(void)
{
    failing.waits = false;
}

int machine_count(void)
{
    return failing.count;
}

void machine_note(bool on)
{
    origins_begin(&origins, on);
}

const int *machine_new_places(size_t *ret_count)
{
    return origins_kept(&origins, 1, ret_count);
}

const char *machine_failed(void)
{
    return failing.failed;
}

const char *machine_words(void)
{
    return strerror(EIO);
}

bool machine_fails(const char *call)
{
    if (!failing.engine) {
        return false;
    }
    origins_note(&origins, call, failing.count++);
    if (failing.waits && strcmp(call, "epoll_wait") == 0) {
        errno = EIO;
        return true;
    }
    if (failing.after < 0 || failing.after-- > 0) {
        return false;
    }
    failing.failed = call;
    failing.waits = strcmp(call, "epoll_wait") == 0;
    errno = EIO;
    return true;
}

/* ---- the calls ------------------------------------------------------------------------------- */

int __wrap_open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return machine_fails("open") ? -1 : __real_open(path, flags, mode);
}

ssize_t __wrap_read(int fd, void *room, size_t size)
{
    return machine_fails("read") ? -1 : __real_read(fd, room, size);
}

ssize_t __wrap_pread(int fd, void *room, size_t size, off_t offset)
{
    return machine_fails("pread") ? -1 : __real_pread(fd, room, size, offset);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    return machine_fails("write") ? -1 : __real_write(fd, bytes, size);
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    return machine_fails("mkdir") ? -1 : __real_mkdir(path, mode);
}

DIR *__wrap_opendir(const char *path)
{
    return machine_fails("opendir") ? NULL : __real_opendir(path);
}

int __wrap_openat(int folder, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return machine_fails("openat") ? -1 : __real_openat(folder, path, flags, mode);
}

int __wrap_unlinkat(int folder, const char *path, int flags)
{
    return machine_fails("unlinkat") ? -1 : __real_unlinkat(folder, path, flags);
}

struct dirent *__wrap_readdir(DIR *folder)
{
    return machine_fails("readdir") ? NULL : __real_readdir(folder);
}

int __wrap_rename(const char *from, const char *to)
{
    return machine_fails("rename") ? -1 : __real_rename(from, to);
}

char *__wrap_realpath(const char *path, char *room)
{
    return machine_fails("realpath") ? NULL : __real_realpath(path, room);
}

int __wrap_epoll_create1(int flags)
{
    return machine_fails("epoll_create1") ? -1 : __real_epoll_create1(flags);
}

int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
    return machine_fails("epoll_ctl") ? -1 : __real_epoll_ctl(epoll_fd, operation, fd, event);
}

/* ---- files that were made long ago ----------------------------------------------------------- */

static struct stat settled[4];
static size_t settled_count;

void machine_settle(const char *path)
{
    if (path == NULL) {
        settled_count = 0;
    } else if (settled_count < sizeof settled / sizeof settled[0] &&
               __real_stat(path, &settled[settled_count]) == 0) {
        settled_count++;
    }
}

int __wrap_stat(const char *path, struct stat *ret)
{
    enum { LONG_S = 1000000000 };
    int result = __real_stat(path, ret);
    for (size_t i = 0; result == 0 && i < settled_count; i++) {
        const struct stat *one = &settled[i];
        if (one->st_ino == ret->st_ino && one->st_size == ret->st_size && one->st_ctim.tv_sec == ret->st_ctim.tv_sec &&
            one->st_ctim.tv_nsec == ret->st_ctim.tv_nsec) {
            ret->st_mtim.tv_sec -= LONG_S;
            ret->st_ctim.tv_sec -= LONG_S;
            break;
        }
    }
    return result;
}

/* ---- the log --------------------------------------------------------------------------------- */

static struct strbuf *log_lines;

void machine_log_into(struct strbuf *lines)
{
    log_lines = lines;
}

void __wrap_log_line(enum log_level level, const char *component, const char *format, ...)
{
    char text[2000];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (log_lines == NULL) {
        __real_log_line(level, component, "%s", text);
    } else if (level >= LOG_LEVEL_WARN) {
        strbuf_printf(log_lines, "%s: %s\n", level == LOG_LEVEL_WARN ? "warn" : "error", text);
    }
}
