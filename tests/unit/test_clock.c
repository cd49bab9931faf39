/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include "test.h"

#include <time.h>

static int64_t seven(void *ctx)
{
    return *(int64_t *)ctx;
}

static int64_t eight(void *ctx)
{
    return *(int64_t *)ctx + 1;
}

TEST(a_clock_is_what_it_is_handed)
{
    int64_t now = 7;
    struct clock clock = {.ctx = &now, .wall_ms = seven, .monotonic_ms = eight};
    assert_int_equal(clock_wall_ms(&clock), 7);
    assert_int_equal(clock_monotonic_ms(&clock), 8);
    now = 100;
    assert_int_equal(clock_wall_ms(&clock), 100);
}

TEST(the_systems_wall_clock_counts_milliseconds_since_1970)
{
    int64_t before = (int64_t)time(NULL);
    int64_t now = clock_wall_ms(&clock_system);
    assert_true(now / 1000 >= before - 1 && now / 1000 <= before + 5);
}

TEST(the_systems_monotonic_clock_never_goes_back)
{
    int64_t last = clock_monotonic_ms(&clock_system);
    for (int i = 0; i < 10000; i++) {
        int64_t now = clock_monotonic_ms(&clock_system);
        assert_true(now >= last);
        last = now;
    }
    struct timespec wait = {.tv_nsec = 20000000};
    (void)nanosleep(&wait, NULL);
    assert_true(clock_monotonic_ms(&clock_system) >= last + 19);
}

/* Microseconds, of which both clocks show whole milliseconds; the wall clock runs slower by one in two thousand. */
TEST(a_time_beside_the_monotonic_clock_does_not_go_back_and_stays_near_the_wall_clock)
{
    int64_t monotonic_us = 123;
    int64_t wall_us = 1700000000000977;
    int64_t ahead_ms = wall_us / 1000 - monotonic_us / 1000;
    int64_t said_ms = 0;
    for (int i = 0; i < 100000; i++) {
        int64_t passed_us = i % 5 == 0 ? 5 : i % 3 == 0 ? 1300 : 130;
        int64_t before_ms = monotonic_us / 1000;
        monotonic_us += passed_us;
        wall_us += passed_us - (i % 2000 < passed_us);
        int64_t seen_ms = wall_us / 1000 - monotonic_us / 1000;
        ahead_ms = clock_ahead_ms(ahead_ms, seen_ms, i % 2 == 0 ? 0 : monotonic_us / 1000 - before_ms);
        int64_t now_ms = monotonic_us / 1000 + ahead_ms;
        assert_true(now_ms >= said_ms);
        assert_true(now_ms >= wall_us / 1000 && now_ms <= wall_us / 1000 + 1);
        said_ms = now_ms;
    }
}

TESTS(RUN(a_clock_is_what_it_is_handed), RUN(the_systems_wall_clock_counts_milliseconds_since_1970),
      RUN(the_systems_monotonic_clock_never_goes_back),
      RUN(a_time_beside_the_monotonic_clock_does_not_go_back_and_stays_near_the_wall_clock))
