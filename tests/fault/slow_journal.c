/* SPDX-License-Identifier: Apache-2.0
 * For LD_PRELOAD: a journal on a slow disk that is full for a moment, and what was done to it, in order.
 *
 *   SLOW_JOURNAL=NTH:SYNC_MS   the NTH frame that names an heir finds no room, once; each sync takes so long
 *
 * Lines go to the file $SLOW_JOURNAL_LOG: "heir" when a frame that names one is written, "sync" when a sync begins.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static int nth, sync_ms, seen;
static const char *log_path;

__attribute__((constructor)) static void read_environment(void)
{
    const char *text = getenv("SLOW_JOURNAL");
    log_path = getenv("SLOW_JOURNAL_LOG"); /* while it is ours: a step that is being started has its own for a moment */
    bool ours = text != NULL && strcmp(program_invocation_short_name, "sluice-runner") == 0;
    if (ours && sscanf(text, "%d:%d", &nth, &sync_ms) != 2) {
        nth = sync_ms = 0;
    }
}

static void note(const char *line)
{
    int fd = nth == 0 || log_path == NULL ? -1 : open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)!write(fd, line, strlen(line));
        (void)close(fd);
    }
}

static bool names_heir(const struct iovec *parts, int count)
{
    bool found = false;
    for (int i = 0; i < count; i++) {
        found = found || memmem(parts[i].iov_base, parts[i].iov_len, "\"heir\":", 7) != NULL;
    }
    return found;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    ssize_t (*real)(int, const struct iovec *, int, off_t);
    *(void **)&real = dlsym(RTLD_NEXT, "pwritev");
    bool heir = nth > 0 && names_heir(parts, count);
    if (heir && ++seen == nth) {
        errno = ENOSPC;
        return -1;
    }
    ssize_t n = real(fd, parts, count, offset);
    if (heir && n > 0) {
        note("heir\n");
    }
    return n;
}

int fdatasync(int fd)
{
    int (*real)(int);
    *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
    note("sync\n");
    if (sync_ms > 0) {
        (void)usleep((useconds_t)sync_ms * 1000);
    }
    return real(fd);
}
