/* SPDX-License-Identifier: Apache-2.0 */
#include "file_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
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

/* ---- replacing ---------------------------------------------------------------------------------- */

static int failed(struct fault *fault, const char *what, const char *path)
{
    return fault_set(fault, "cannot %s '%.300s': %s", what, path, strerror(errno));
}

static int write_beside(const char *path, const char *text, mode_t mode, struct fault *fault)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    size_t size = strlen(text);
    size_t at = 0;
    bool good = fd >= 0;
    while (good && at < size) {
        ssize_t n = write(fd, text + at, size - at);
        good = n >= 0 || errno == EINTR;
        at += n > 0 ? (size_t)n : 0;
    }
    good = good && fsync(fd) == 0;
    int result = good ? 0 : failed(fault, "write", path);
    if (fd >= 0 && close(fd) < 0 && result == 0) {
        result = failed(fault, "write", path);
    }
    return result;
}

static int sync_folder_of(struct scratch *scratch, const char *path, struct fault *fault)
{
    char *folder = scratch_copy(scratch, path, strlen(path));
    char *slash = strrchr(folder, '/');
    if (slash != NULL) {
        slash[slash == folder ? 1 : 0] = '\0';
    }
    int fd = open(slash == NULL ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 || fsync(fd) < 0 ? failed(fault, "sync", folder) : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return result;
}

int file_text_replace(const char *path, const char *text, mode_t mode, struct fault *fault)
{
    struct scratch scratch = {0};
    const char *beside = scratch_printf(&scratch, "%s.new", path);
    int result = write_beside(beside, text, mode, fault);
    if (result == 0 && rename(beside, path) < 0) {
        result = failed(fault, "replace", path);
    }
    result = result < 0 ? -1 : sync_folder_of(&scratch, path, fault);
    scratch_free(&scratch);
    return result;
}
