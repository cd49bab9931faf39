/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rng.h"

#include "test.h"

/* The reference code of Blackman and Vigna, seeded with splitmix64 from 0. */
TEST(the_first_numbers_are_those_of_xoshiro256_starstar)
{
    static const uint64_t from_zero[] = {0x99ec5f36cb75f2b4, 0xbf6e1f784956452a, 0x1a5f849d4933e6e0,
                                         0x6aa594f1262d2d2c};
    struct rng rng;
    rng_seed(&rng, 0);
    for (size_t i = 0; i < sizeof from_zero / sizeof *from_zero; i++) {
        assert_true(rng_next(&rng) == from_zero[i]);
    }
    /* The state 1, 2, 3, 4. */
    static const uint64_t from_state[] = {11520, 0, 1509978240, 1215971899390074240};
    rng = (struct rng){{1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof from_state / sizeof *from_state; i++) {
        assert_true(rng_next(&rng) == from_state[i]);
    }
}

TEST(the_same_seed_gives_the_same_numbers)
{
    struct rng a;
    struct rng b;
    struct rng other;
    rng_seed(&a, 42);
    rng_seed(&b, 42);
    rng_seed(&other, 43);
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t value = rng_next(&a);
        assert_true(value == rng_next(&b));
        same += value == rng_next(&other);
    }
    assert_int_equal(same, 0);
}

TEST(numbers_below_a_bound_are_spread_evenly)
{
    struct rng rng;
    rng_seed(&rng, 1);
    int counts[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t value = rng_below(&rng, 7);
        assert_true(value < 7);
        counts[value]++;
    }
    for (int i = 0; i < 7; i++) {
        assert_in_range(counts[i], 9500, 10500); /* 5.4 standard deviations */
    }
    assert_true(rng_below(&rng, 0) == 0);
    assert_true(rng_below(&rng, 1) == 0);
    int high = 0;
    for (int i = 0; i < 1000; i++) { /* three quarters of the range: the modulo would favour the lower third */
        uint64_t bound = (UINT64_C(3) << 62);
        uint64_t value = rng_below(&rng, bound);
        assert_true(value < bound);
        high += value >= (UINT64_C(1) << 63);
    }
    assert_in_range(high, 250, 420);
}

TEST(the_unit_interval_is_half_open)
{
    struct rng rng;
    rng_seed(&rng, 9);
    double sum = 0;
    for (int i = 0; i < 100000; i++) {
        double value = rng_unit(&rng);
        assert_true(value >= 0 && value < 1);
        sum += value;
    }
    assert_true(sum > 49500 && sum < 50500);
}

TEST(the_system_gives_different_seeds)
{
    struct rng a;
    struct rng b;
    rng_seed_from_system(&a);
    rng_seed_from_system(&b);
    assert_true(rng_next(&a) != rng_next(&b));
}

TESTS(RUN(the_first_numbers_are_those_of_xoshiro256_starstar), RUN(the_same_seed_gives_the_same_numbers),
      RUN(numbers_below_a_bound_are_spread_evenly), RUN(the_unit_interval_is_half_open),
      RUN(the_system_gives_different_seeds))
