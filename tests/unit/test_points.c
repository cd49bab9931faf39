/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/points.h"

#include <math.h>
#include <stdio.h>

#include "test.h"

static const char *key_at(size_t number)
{
    static char text[32];
    (void)snprintf(text, sizeof text, "key/%zu", number);
    return text;
}

static struct journal_point point_at(size_t i, size_t keys)
{
    const double values[] = {0.1, -0.0, (double)NAN, (double)INFINITY, 1e308};
    return (struct journal_point){
        .key = str_from(key_at(i % keys)), .value = values[i % 5], .step = (int64_t)i - 3, .time_ms = (int64_t)(i * i)};
}

static void assert_point(const struct journal_point *found, const struct journal_point *expected)
{
    assert_true(str_eq(found->key, expected->key));
    assert_int_equal(found->key.p[found->key.n], '\0');
    assert_int_equal(found->step, expected->step);
    assert_int_equal(found->time_ms, expected->time_ms);
    assert_true(isnan(expected->value) ? isnan(found->value) != 0
                                       : memcmp(&found->value, &expected->value, sizeof found->value) == 0);
}

/* Around the numbers of keys at which their references change. */
TEST(points_of_many_keys_come_back_in_their_order)
{
    const size_t shapes[] = {1, 2, 253, 254, 255, 256, POINTS_KEYS_MAX};
    for (size_t shape = 0; shape < sizeof shapes / sizeof shapes[0]; shape++) {
        struct points_writer *writer = points_writer_new(JOURNAL_PAYLOAD_MAX);
        size_t count = shapes[shape] * 2 + 3;
        for (int twice = 0; twice < 2; twice++) {
            struct arena *arena = arena_new();
            for (size_t i = 0; i < count; i++) {
                struct journal_point point = point_at(i, shapes[shape]);
                assert_true(points_writer_add(writer, &point));
            }
            struct points_reader reader = points_reader_over(points_writer_payload(writer), arena);
            for (size_t i = 0; i < count; i++) {
                struct journal_point found;
                struct journal_point expected = point_at(i, shapes[shape]);
                size_t key = 0;
                assert_int_equal(points_next(&reader, &found, &key), 1);
                assert_int_equal(key, i % shapes[shape]);
                assert_point(&found, &expected);
            }
            assert_int_equal(points_next(&reader, &(struct journal_point){0}, NULL), 0);
            points_writer_reset(writer);
            assert_int_equal(points_writer_payload(writer).n, 0);
            arena_free(arena);
        }
        points_writer_free(writer);
    }
}

TEST(a_writer_that_is_full_takes_the_point_after_a_reset)
{
    struct points_writer *writer = points_writer_new(100);
    size_t fitted = 0;
    struct journal_point point = point_at(0, 1);
    while (points_writer_add(writer, &point)) {
        fitted++;
        point = point_at(fitted, 1);
    }
    assert_in_range(fitted, 4, 50);
    assert_in_range(points_writer_payload(writer).n, 100 - 3 - POINT_CODE_MAX_BYTES, 100);
    points_writer_reset(writer);
    assert_true(points_writer_add(writer, &point));
    points_writer_free(writer);

    writer = points_writer_new(JOURNAL_PAYLOAD_MAX);
    for (size_t i = 0; i < POINTS_KEYS_MAX; i++) {
        point = point_at(i, POINTS_KEYS_MAX);
        assert_true(points_writer_add(writer, &point));
    }
    point.key = STR("one more");
    assert_false(points_writer_add(writer, &point));
    points_writer_free(writer);
}

TEST(malformed_payloads_are_told_from_ended_ones)
{
    static const struct {
        const char *bytes;
        size_t size;
        int good; /* points before the fault */
    } cases[] = {
        {"\0", 1, 0},                             /* a key that never came */
        {"\376\0\0", 3, 0},                       /* the same, by its long reference */
        {"\376\0", 2, 0},                         /* half a reference */
        {"\377\1", 2, 0},                         /* half a size */
        {"\377\2\0a", 4, 0},                      /* half a key */
        {"\377\1\0a", 4, 0},                      /* a key without a point */
        {"\377\1\0a\1", 5, 0},                    /* half a point */
        {"\377\1\0a\0\1\0", 7, 1},                /* a point, then a key that never came */
        {"\377\1\0a\0\377\1\0b\0\0\0\1", 13, 3}, /* three points, then half a one */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct points_reader reader = points_reader_over((struct str){cases[i].bytes, cases[i].size}, arena);
        struct journal_point point;
        int good = 0;
        int more;
        while ((more = points_next(&reader, &point, NULL)) == 1) {
            good++;
        }
        assert_int_equal(more, -1);
        assert_int_equal(good, cases[i].good);
        arena_free(arena);
    }
}

TESTS(RUN(points_of_many_keys_come_back_in_their_order), RUN(a_writer_that_is_full_takes_the_point_after_a_reset),
      RUN(malformed_payloads_are_told_from_ended_ones))
