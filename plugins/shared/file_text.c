/* SPDX-License-Identifier: Apache-2.0 */
#include "file_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_fd(struct scratch *scratch, int fd, const char *path, size_t most_bytes, char **ret_text,
                   size_t *ret_size, struct fault *fault)
{
    struct stat info;
    size_t size = 0;
    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode)) {
        return fault_set(fault, "'%.300s' is no file", path);
    }
    if ((uint64_t)info.st_size > most_bytes) {
        return fault_set(fault, "'%.300s' has %lld bytes: expected at most %zu", path, (long long)info.st_size,
                         most_bytes);
    }
    char *text = scratch_array(scratch, (size_t)info.st_size + 1, 1);
    while (size < (size_t)info.st_size) {
        ssize_t n = read(fd, text + size, (size_t)info.st_size - size);
        if (n < 0 && errno != EINTR) {
            return fault_set(fault, "cannot read '%.300s': %s", path, strerror(errno));
        }
        if (n == 0) { /* somebody has cut it meanwhile */
            break;
        }
        size += n < 0 ? 0 : (size_t)n;
    }
    *ret_text = text;
    *ret_size = size;
    return 0;
}

int file_text_read(struct scratch *scratch, const char *path, size_t most_bytes, char **ret_text, size_t *ret_size,
                   struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return fault_set(fault, "cannot read '%.300s': %s", path, strerror(errno));
    }
    int result = read_fd(scratch, fd, path, most_bytes, ret_text, ret_size, fault);
    (void)close(fd);
    return result;
}
