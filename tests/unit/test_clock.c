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

TESTS(RUN(a_clock_is_what_it_is_handed), RUN(the_systems_wall_clock_counts_milliseconds_since_1970),
      RUN(the_systems_monotonic_clock_never_goes_back))
