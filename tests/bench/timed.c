/* SPDX-License-Identifier: Apache-2.0
 * Runs a command and writes what it took, from before its start to after its end: a program so small that its own
 * memory is not taken for the command's.
 *
 *     timed FILE COMMAND...
 *
 * FILE gets "microseconds of the clock, KiB of memory at most, exit code or 128 + signal".
 */
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_us(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000LL + at.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
    pid_t pid = 0;
    int status = 0;
    struct rusage usage;
    long long began = now_us();
    if (argc < 3 || posix_spawnp(&pid, argv[2], NULL, NULL, argv + 2, environ) != 0) {
        fprintf(stderr, "timed: expected a file and a command that can be started\n");
        return 127;
    }
    while (wait4(pid, &status, 0, &usage) != pid) {
    }
    long long took = now_us() - began;
    FILE *out = fopen(argv[1], "we");
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (out == NULL || fprintf(out, "%lld %ld %d\n", took, usage.ru_maxrss, code) < 0 || fclose(out) != 0) {
        perror(argv[1]);
        return 126;
    }
    return code;
}
