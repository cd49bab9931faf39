/* SPDX-License-Identifier: Apache-2.0 */
#include "base/point_code.h"
#include "base/point_decode.h"
#include "base/rng.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

#include "test.h"

enum { MOST = 2000 };

static unsigned char room[MOST * POINT_CODE_MAX_BYTES];

static size_t encode_all(const struct point *points, size_t count)
{
    struct point_code code = {0};
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size_t took = point_encode(&code, &points[i], room + size);
        assert_in_range(took, 1, POINT_CODE_MAX_BYTES);
        size += took;
    }
    return size;
}

static int decode_here(struct point_code *code, struct str *rest, struct point *ret_point)
{
    return point_decode_here(code, rest, ret_point);
}

static int (*const ways[])(struct point_code *code, struct str *rest, struct point *ret_point) = {point_decode,
                                                                                                decode_here};

static void assert_comes_back(const struct point *points, size_t count)
{
    for (size_t way = 0; way < 2; way++) {
        struct str rest = {(const char *)room, encode_all(points, count)};
        struct point_code code = {0};
        struct point found;
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(ways[way](&code, &rest, &found), 1);
            assert_true(found.time_ms == points[i].time_ms && found.step == points[i].step);
            assert_true(isnan(points[i].value) ? isnan(found.value) != 0
                                               : memcmp(&found.value, &points[i].value, sizeof found.value) == 0);
        }
        assert_int_equal(ways[way](&code, &rest, &found), 0);
    }
}

TEST(every_number_comes_back_as_it_was)
{
    static const int64_t numbers[] = {0, 1, -1, 127, 128, -128, -129, 32767, 32768, -32769, INT64_MAX, INT64_MIN};
    static const double values[] = {0.0, -0.0, 1, -1, 0.1, (double)NAN, (double)INFINITY, -(double)INFINITY,
                                    DBL_MAX, DBL_MIN, 5e-324, 1e308, (double)0.3f};
    struct point points[sizeof numbers / sizeof numbers[0] * 13];
    size_t count = 0;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        for (size_t v = 0; v < 13; v++) {
            points[count++] = (struct point){numbers[i], numbers[(i * 5 + v) % 12], values[v]};
        }
    }
    assert_comes_back(points, count);
    assert_comes_back(points, 0);
}

TEST(random_points_of_any_kind_come_back)
{
    static struct point points[MOST];
    struct rng rng;
    rng_seed(&rng, 11);
    for (int round = 0; round < 200; round++) {
        size_t count = rng_below(&rng, MOST);
        for (size_t i = 0; i < count; i++) {
            unsigned shift = (unsigned)rng_below(&rng, 64);
            uint64_t bits = rng_next(&rng) >> rng_below(&rng, 64) << rng_below(&rng, 64);
            points[i] = (struct point){(int64_t)(rng_next(&rng) >> shift), (int64_t)(rng_next(&rng) >> shift), 0};
            memcpy(&points[i].value, &bits, sizeof bits);
        }
        assert_comes_back(points, count);
    }
}

/* What the sizes of blocks and journals rest on. */
TEST(a_point_takes_no_more_than_what_is_new_in_it)
{
    static struct point points[1000];
    struct rng rng;
    rng_seed(&rng, 3);
    const struct {
        const char *what;
        size_t most;
    } shapes[] = {{"the same again", 1}, {"small counts", 5}, {"floats", 7}, {"doubles", 10}};
    for (size_t shape = 0; shape < sizeof shapes / sizeof shapes[0]; shape++) {
        for (size_t i = 0; i < 1000; i++) {
            int64_t jitter = shape == 0 ? 0 : (int64_t)rng_below(&rng, 60);
            double value = rng_unit(&rng);
            points[i] = (struct point){1700000000000 + (int64_t)i * 250 + jitter, (int64_t)i,
                                       shape == 0   ? 0.5
                                       : shape == 1 ? (double)rng_below(&rng, 100)
                                       : shape == 2 ? (double)(float)value
                                                    : value};
        }
        assert_in_range(encode_all(points, 1000), 1000, 1000 * shapes[shape].most + 20);
        assert_comes_back(points, 1000);
    }
}

TEST(bytes_that_stop_within_a_point_are_no_point)
{
    struct point points[2] = {{1700000000000, -70000, 0.1}, {INT64_MIN, INT64_MAX, -1e300}};
    size_t first = encode_all(points, 1);
    size_t both = encode_all(points, 2);
    for (size_t cut = 1; cut < both; cut++) {
        struct str rest = {(const char *)room, cut};
        struct point_code code = {0};
        struct point found;
        assert_int_equal(point_decode(&code, &rest, &found), cut < first ? -1 : 1);
        assert_int_equal(rest.n, cut < first ? cut : cut - first);
        if (cut >= first) {
            assert_int_equal(point_decode(&code, &rest, &found), cut == first ? 0 : -1);
        }
    }
}

TEST(a_number_of_more_than_64_bits_is_no_point)
{
    const unsigned char endless[] = {3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};
    const unsigned char too_large[] = {3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2};
    const unsigned char largest[] = {3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    const struct {
        const unsigned char *bytes;
        size_t size;
        int expected;
    } cases[] = {{endless, sizeof endless, -1}, {too_large, sizeof too_large, -1}, {largest, sizeof largest, 1}};
    for (size_t i = 0; i < 3; i++) {
        struct str rest = {(const char *)cases[i].bytes, cases[i].size};
        struct point_code code = {0};
        struct point found;
        assert_int_equal(point_decode(&code, &rest, &found), cases[i].expected);
    }
}

/* Whatever the bytes are. Each copy has just its size on the heap, for the sanitizer. */
TEST(both_ways_of_decoding_come_to_the_same)
{
    struct rng rng;
    rng_seed(&rng, 5);
    for (int round = 0; round < 20000; round++) {
        size_t size = rng_below(&rng, 80);
        unsigned char *bytes = malloc(size + 1);
        assert_non_null(bytes);
        for (size_t i = 0; i < size; i++) { /* half of them go on, as the bytes of a varint do */
            bytes[i] = (unsigned char)(rng_next(&rng) | (rng_below(&rng, 2) << 7));
        }
        bytes = realloc(bytes, size == 0 ? 1 : size);
        struct str rest[2] = {{(const char *)bytes, size}, {(const char *)bytes, size}};
        struct point_code codes[2] = {0};
        struct point points[2] = {0};
        int more = 1;
        while (more == 1) {
            more = ways[0](&codes[0], &rest[0], &points[0]);
            assert_int_equal(ways[1](&codes[1], &rest[1], &points[1]), more);
            assert_int_equal(rest[0].n, rest[1].n);
            assert_memory_equal(&points[0], &points[1], sizeof points[0]);
        }
        free(bytes);
    }
}

TESTS(RUN(every_number_comes_back_as_it_was), RUN(random_points_of_any_kind_come_back),
      RUN(a_point_takes_no_more_than_what_is_new_in_it), RUN(bytes_that_stop_within_a_point_are_no_point),
      RUN(a_number_of_more_than_64_bits_is_no_point), RUN(both_ways_of_decoding_come_to_the_same))
