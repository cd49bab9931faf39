/* SPDX-License-Identifier: Apache-2.0
 * For LD_PRELOAD: a message that the kernel has no memory for.
 *
 *   LOSE_MESSAGE=PROGRAM:WORD   the first time that PROGRAM sends bytes that hold WORD, nothing is sent: ENOBUFS
 *
 * A line is added to the file $LOSE_MESSAGE_LOG when that has happened.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool lost;

static void note(void)
{
    const char *path = getenv("LOSE_MESSAGE_LOG");
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)!write(fd, "lost\n", 5);
        (void)close(fd);
    }
}

static bool is_to_be_lost(const void *bytes, size_t size)
{
    const char *text = getenv("LOSE_MESSAGE");
    const char *word = text == NULL ? NULL : strchr(text, ':');
    const char *program = program_invocation_short_name;
    return !lost && word != NULL && strlen(program) == (size_t)(word - text) &&
           strncmp(program, text, strlen(program)) == 0 && memmem(bytes, size, word + 1, strlen(word + 1)) != NULL;
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    ssize_t (*real)(int, const void *, size_t, int);
    *(void **)&real = dlsym(RTLD_NEXT, "send");
    if (is_to_be_lost(bytes, size)) {
        lost = true;
        note();
        errno = ENOBUFS;
        return -1;
    }
    return real(fd, bytes, size, flags);
}
