/* SPDX-License-Identifier: Apache-2.0 */
#include "base/process_stat.h"

#include "base/parse.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int64_t process_stat(const char *pid, int wanted)
{
    char path[280];
    char text[1024];
    (void)snprintf(path, sizeof path, "/proc/%s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) {
        (void)close(fd);
    }
    text[size < 0 ? 0 : size] = '\0';
    const char *name_end = strrchr(text, ')');
    if (name_end == NULL || name_end[1] != ' ' || name_end[2] == 'Z' || name_end[2] == 'X') {
        return -1;
    }
    struct str rest = str_from(name_end + 2);
    struct str field = {0};
    for (int at = 3; at <= wanted; at++) {
        if (!str_cut(&rest, ' ', &field)) {
            return -1;
        }
    }
    int64_t value = -1;
    (void)parse_int(field, INT64_MIN, INT64_MAX, &value, NULL);
    return value;
}
