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

/* Of a time that is kept as the monotonic clock and so much: what to keep when the wall clock was thought to be
 * `ahead_ms` of it, is seen to be `seen_ms`, and nobody has asked for that time for the last `unasked_ms`. Two clocks
 * that are read in whole milliseconds are a millisecond nearer or further each time, and a time server slows one down:
 * such a time never goes back for that. */
static inline int64_t clock_ahead_ms(int64_t ahead_ms, int64_t seen_ms, int64_t unasked_ms)
{
    return seen_ms > ahead_ms - unasked_ms ? seen_ms : ahead_ms - unasked_ms;
}

#endif
