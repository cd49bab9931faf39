/* SPDX-License-Identifier: Apache-2.0
 * Time as an argument: deciding code never asks the system, it is handed a clock.
 */
#ifndef SLUICE_BASE_CLOCK_H
#define SLUICE_BASE_CLOCK_H

#include <stdint.h>

struct clock {
    void *ctx;
    int64_t (*wall_ms)(void *ctx);      /* epoch milliseconds; may jump */
    int64_t (*monotonic_ms)(void *ctx); /* never goes back; counts while the machine sleeps */
};

/* The real one (CLOCK_REALTIME, CLOCK_BOOTTIME). */
extern const struct clock clock_system;

static inline int64_t clock_wall_ms(const struct clock *clock)
{
    return clock->wall_ms(clock->ctx);
}
static inline int64_t clock_monotonic_ms(const struct clock *clock)
{
    return clock->monotonic_ms(clock->ctx);
}

#endif
