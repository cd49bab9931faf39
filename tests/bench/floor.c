/* SPDX-License-Identifier: Apache-2.0
 * What the machine itself needs for a step, with nothing around it: starting /bin/true and waiting for it, overwriting
 * 4 KiB of a file and having them on the disk, and both, one after the other. No orchestrator that records each step
 * durably before the next can be quicker than the last.
 *
 *     floor FILE TIMES
 *
 * FILE is made, used and removed. Prints the microseconds of one time each: "spawn sync both".
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 4096, BLOCKS = 64 };

static double now_us(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static bool spawn(void)
{
    char *const argv[] = {(char[]){"true"}, NULL};
    pid_t pid = 0;
    int status = 0;
    return posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) == 0 && waitpid(pid, &status, 0) == pid &&
           status == 0;
}

static bool sync_block(int fd, int n)
{
    char block[BLOCK] = {(char)n, (char)(n >> 8)};
    return pwrite(fd, block, sizeof block, (off_t)(n % BLOCKS) * BLOCK) == BLOCK && fdatasync(fd) == 0;
}

/* The microseconds of one of `times`; a negative number when something failed. */
static double measure(int fd, int times, bool spawns, bool syncs)
{
    double began = now_us();
    for (int n = 0; n < times; n++) {
        if ((spawns && !spawn()) || (syncs && !sync_block(fd, n))) {
            return -1;
        }
    }
    return (now_us() - began) / times;
}

int main(int argc, char **argv)
{
    int times = argc == 3 ? (int)strtol(argv[2], NULL, 10) : 0;
    int fd = times > 0 ? open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    if (fd < 0) {
        fprintf(stderr, "floor: expected a file that can be written, and how many times\n");
        return 2;
    }
    /* The blocks are there before they are overwritten, as in a log that is used again. */
    double ready = measure(fd, BLOCKS, false, true);
    double spawns = measure(fd, times, true, false);
    double syncs = measure(fd, times, false, true);
    double both = measure(fd, times, true, true);
    (void)close(fd);
    (void)unlink(argv[1]);
    printf("%.2f %.2f %.2f\n", spawns, syncs, both);
    return ready < 0 || spawns < 0 || syncs < 0 || both < 0;
}
