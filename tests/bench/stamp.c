/* SPDX-License-Identifier: Apache-2.0
 * A step that says when it began, and is over: about as much as `true`.
 *
 *     stamp FILE WORD
 *
 * Adds "WORD microseconds of the wall clock" as a line to FILE.
 */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct timespec at;
    char line[200];
    (void)clock_gettime(CLOCK_REALTIME, &at);
    int fd = argc == 3 ? open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    int length = snprintf(line, sizeof line, "%.100s %lld\n", argc == 3 ? argv[2] : "",
                          at.tv_sec * 1000000LL + at.tv_nsec / 1000);
    return fd >= 0 && write(fd, line, (size_t)length) == length ? 0 : 1;
}
