/* SPDX-License-Identifier: Apache-2.0 */
#include "moment.h"

#include <time.h>

enum { LOOK_MS = 50 };

static int64_t read_ms(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t moment_now_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

int64_t moment_wall_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

int moment_sleep(const struct step_host *host, int64_t ms)
{
    int64_t end_ms = moment_now_ms() + ms;
    for (;;) {
        int64_t left_ms = end_ms - moment_now_ms();
        if (host->cancelled(host)) {
            return -1;
        }
        if (left_ms <= 0) {
            return 0;
        }
        left_ms = left_ms < LOOK_MS ? left_ms : LOOK_MS;
        (void)nanosleep(&(struct timespec){.tv_nsec = (long)left_ms * 1000000}, NULL);
    }
}
