/* SPDX-License-Identifier: Apache-2.0
 * Numbers as text, beside what printf and strtod say.
 */
#include "base/number_text.h"
#include "base/rng.h"

#include "test.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void expect_double(double value)
{
    char found[NUMBER_TEXT_MAX + 1];
    char expected[64];
    if (!isfinite(value)) {
        return;
    }
    found[number_text_double(value, found)] = '\0';
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(expected, sizeof expected, "%.*g", digits, value);
        if (strtod(expected, NULL) == value) {
            break;
        }
    }
    if (strcmp(found, expected) != 0) {
        fail_msg("%a: expected %s, found %s", value, expected, found);
    }
}

static void expect_around(double value)
{
    double up = value;
    double down = value;
    for (int i = 0; i < 3; i++) {
        expect_double(up);
        expect_double(-down);
        up = nextafter(up, (double)INFINITY);
        down = nextafter(down, 0);
    }
}

TEST(the_shortest_decimals_of_known_numbers)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {0.1, "0.1"},
        {-2.5, "-2.5"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {2.0 / 3, "0.6666666666666666"},
        {0.0001, "0.0001"},
        {0.00001, "1e-05"},
        {999999999999999, "999999999999999"},
        {1e15, "1e+15"},
        {1234567890123456, "1234567890123456"},
        {123456789012345680, "1.2345678901234568e+17"},
        {9007199254740992, "9007199254740992"},
        {1e22, "1e+22"},
        {1e23, "1e+23"},
        {5e-324, "4.94065645841247e-324"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {9.9999999999999995e22, "1e+23"},
        {0.99999999999999989, "0.9999999999999999"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char found[NUMBER_TEXT_MAX + 1];
        found[number_text_double(cases[i].value, found)] = '\0';
        expect_double(cases[i].value);
        assert_string_equal(found, cases[i].text);
    }
}

TEST(doubles_beside_powers_of_two_and_of_ten)
{
    for (int exponent = -1074; exponent < 1024; exponent++) {
        expect_around(ldexp(1, exponent));
    }
    for (int exponent = -323; exponent < 309; exponent++) {
        for (int digits = 1; digits < 100; digits += 7) {
            char text[32];
            (void)snprintf(text, sizeof text, "%de%d", digits, exponent);
            expect_around(strtod(text, NULL));
        }
    }
}

/* Every bit pattern, fractions as metrics have them, few digits, integers, dyadic fractions that end in 5. */
TEST(a_million_doubles_of_chance)
{
    struct rng rng;
    rng_seed(&rng, 1);
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = rng_next(&rng);
        double any = 0;
        memcpy(&any, &bits, sizeof any);
        expect_double(any);
        expect_double((double)(rng_next(&rng) >> 11) * 0x1p-53);
        expect_double((double)(rng_next(&rng) % 1000000007) / 1000);
        expect_double((double)(int64_t)rng_next(&rng));
        expect_double(ldexp((double)(rng_next(&rng) >> rng_next(&rng) % 64), -(int)(rng_next(&rng) % 80)));
    }
}

TEST(integers_as_printf_has_them)
{
    static const int64_t cases[] = {0, 7, -7, 10, 99, 100, -100, 12345, 1700000000000, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char found[NUMBER_TEXT_MAX + 1];
        char expected[32];
        found[number_text_int(cases[i], found)] = '\0';
        (void)snprintf(expected, sizeof expected, "%" PRId64, cases[i]);
        assert_string_equal(found, expected);
    }
}

TESTS(RUN(the_shortest_decimals_of_known_numbers), RUN(doubles_beside_powers_of_two_and_of_ten),
      RUN(a_million_doubles_of_chance), RUN(integers_as_printf_has_them))
