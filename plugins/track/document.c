/* SPDX-License-Identifier: Apache-2.0 */
#include "document.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum document_kind document_kind(const char *path)
{
    static const struct {
        const char *extension;
        enum document_kind kind;
    } rows[] = {{".json", DOCUMENT_JSON},
                {".yaml", DOCUMENT_YAML},
                {".yml", DOCUMENT_YAML},
                {".csv", DOCUMENT_CSV},
                {".tsv", DOCUMENT_CSV}};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof rows / sizeof rows[0]; i++) {
        if (strcasecmp(dot, rows[i].extension) == 0) {
            return rows[i].kind;
        }
    }
    return DOCUMENT_UNKNOWN;
}

static int read_fd(struct scratch *scratch, int fd, const char *path, char **ret_text, size_t *ret_size,
                   struct fault *fault)
{
    struct stat info;
    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode)) {
        return fault_set(fault, "'%.300s' is no file", path);
    }
    if (info.st_size > DOCUMENT_MAX_BYTES) {
        return fault_set(fault, "'%.300s' has %lld bytes: expected at most %d MiB", path, (long long)info.st_size,
                         DOCUMENT_MAX_BYTES >> 20);
    }
    char *text = scratch_array(scratch, (size_t)info.st_size + 1, 1);
    size_t size = 0;
    while (size < (size_t)info.st_size) {
        ssize_t n = read(fd, text + size, (size_t)info.st_size - size);
        if (n < 0 && errno != EINTR) {
            return fault_set(fault, "cannot read '%.300s': %s", path, strerror(errno));
        }
        if (n == 0) {
            break;
        }
        size += n < 0 ? 0 : (size_t)n;
    }
    *ret_text = text;
    *ret_size = size;
    return 0;
}

int document_read(const struct step_host *host, struct scratch *scratch, const char *path,
                  const struct step_value **ret_value, struct fault *fault)
{
    char *text = NULL;
    size_t size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return fault_set(fault, "cannot read '%.300s': %s", path, strerror(errno));
    }
    int result = read_fd(scratch, fd, path, &text, &size, fault);
    (void)close(fd);
    if (result < 0) {
        return -1;
    }
    if (document_kind(path) == DOCUMENT_YAML) {
        struct fault inner;
        return document_read_yaml(scratch, text, size, ret_value, &inner) == 0
                   ? 0
                   : fault_set(fault, "'%.200s': %.280s", path, inner.text);
    }
    return host->parse_json(host, text, size, ret_value) == 0
               ? 0
               : fault_set(fault, "'%.300s' is no JSON: the log says where", path);
}
