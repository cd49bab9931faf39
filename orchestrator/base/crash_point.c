/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crash_point.h"

#include "base/parse.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void die(void)
{
    (void)kill(getpid(), SIGKILL);
}

/* The line is appended in one write, so its place in the file is its number, whoever else writes. */
static void count_in_file(const char *path, const char *name, struct str wanted)
{
    char line[CRASH_POINT_LINE_BYTES + 1];
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    (void)snprintf(line, sizeof line, "%-*.*s\n", CRASH_POINT_LINE_BYTES - 1, CRASH_POINT_LINE_BYTES - 1, name);
    bool whole = write(fd, line, CRASH_POINT_LINE_BYTES) == CRASH_POINT_LINE_BYTES;
    int64_t number = whole ? lseek(fd, 0, SEEK_CUR) / CRASH_POINT_LINE_BYTES : 0;
    (void)close(fd);
    struct str one;
    int64_t nth = 0;
    while (str_cut(&wanted, ',', &one)) {
        if (parse_int(one, 0, INT64_MAX, &nth, NULL) == 0 && number == nth && nth > 0) {
            die();
        }
    }
}

void crash_point_pass(const char *name)
{
    static bool read_it;
    static char wish[4096]; /* a copy: the environment's memory is overwritten in a child */
    static int64_t seen;
    if (!read_it) {
        const char *wanted = getenv("SLUICE_CRASH");
        read_it = true;
        (void)snprintf(wish, sizeof wish, "%s", wanted == NULL ? "" : wanted);
    }
    struct str rest = str_from(wish);
    struct str place = {0};
    int64_t nth = 1;
    if (!str_cut(&rest, ':', &place)) {
        return;
    }
    if (str_starts(place, STR("/"))) {
        char path[sizeof wish];
        (void)snprintf(path, sizeof path, "%.*s", STR_ARG(place));
        count_in_file(path, name, rest);
        return;
    }
    if (rest.p != NULL) {
        (void)parse_int(rest, 1, INT64_MAX, &nth, NULL);
    }
    if (str_is(place, name) && ++seen == nth) {
        die();
    }
}
