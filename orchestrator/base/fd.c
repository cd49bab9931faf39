/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <errno.h>
#include <unistd.h>

enum { BLOCK_BYTES = 64 << 10 };

int fd_read_all(int fd, const char *what, struct strbuf *text, struct err *err)
{
    char block[BLOCK_BYTES];
    ssize_t n = 0;
    while ((n = read(fd, block, sizeof block)) != 0) {
        if (n < 0 && errno != EINTR) {
            return err_errno(err, "reading %s", what);
        }
        strbuf_add(text, block, n > 0 ? (size_t)n : 0);
        if (text->overflow) {
            return err_set(err, ERR_LIMIT, "%s is longer than %zu bytes", what, text->max);
        }
    }
    return 0;
}

int fd_read_start(int fd, const char *what, char *room, size_t size, struct err *err)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pread(fd, room + done, size - done, (off_t)done);
        if (n < 0 && errno != EINTR) {
            return err_errno(err, "reading %s", what);
        }
        if (n == 0) {
            return err_set(err, ERR_IO, "reading %s: it ends after %zu of %zu bytes", what, done, size);
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int fd_write_all(int fd, struct str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno != EINTR) {
            return -1;
        }
        bytes = str_slice(bytes, n > 0 ? (size_t)n : 0, bytes.n);
    }
    return 0;
}
