/* SPDX-License-Identifier: Apache-2.0
 * For LD_PRELOAD: a program of an older version, which does not know a member of its messages.
 *
 *   UNSAID=PROGRAM:WORD   in all that PROGRAM sends, the first letter of WORD is another
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char *word_of_this_program(void)
{
    const char *text = getenv("UNSAID");
    size_t size = strlen(program_invocation_short_name);
    bool ours = text != NULL && strncmp(text, program_invocation_short_name, size) == 0 && text[size] == ':';
    return ours ? text + size + 1 : NULL;
}

/* A copy of the bytes without the word; NULL: this program knows it. */
static char *without_word(const void *bytes, size_t size)
{
    const char *word = word_of_this_program();
    char *copy = word == NULL ? NULL : malloc(size + 1);
    if (copy != NULL) {
        memcpy(copy, bytes, size);
        for (char *at = copy; (at = memmem(at, size - (size_t)(at - copy), word, strlen(word))) != NULL;) {
            *at = '_';
        }
    }
    return copy;
}

static ssize_t freed(char *copy, ssize_t result)
{
    int error = errno;
    free(copy);
    errno = error;
    return result;
}

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    ssize_t (*real)(int, const void *, size_t, int);
    *(void **)&real = dlsym(RTLD_NEXT, "send");
    char *copy = without_word(bytes, size);
    return freed(copy, real(fd, copy == NULL ? bytes : copy, size, flags));
}

/* With a descriptor. */
ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    ssize_t (*real)(int, const struct msghdr *, int);
    *(void **)&real = dlsym(RTLD_NEXT, "sendmsg");
    struct msghdr changed = *message;
    char *copy = message->msg_iovlen == 1 ? without_word(message->msg_iov->iov_base, message->msg_iov->iov_len) : NULL;
    struct iovec part = {.iov_base = copy, .iov_len = copy == NULL ? 0 : message->msg_iov->iov_len};
    changed.msg_iov = copy == NULL ? message->msg_iov : &part;
    return freed(copy, real(fd, &changed, flags));
}
