/* SPDX-License-Identifier: Apache-2.0 */
#include "store/metric_block.h"

#include "base/point_code.h"
#include "base/rng.h"

#include <float.h>
#include <math.h>

#include "test.h"

static struct metric_ranks drawn(struct arena *arena, struct rng *rng, size_t count)
{
    struct metric_ranks list = metric_ranks_new(arena, count);
    for (size_t i = 0; i < count; i++) {
        double value = rng_below(rng, 4) == 0 ? (double)NAN : (double)rng_below(rng, 3) - 1;
        list.items[list.count++] = metric_rank_of(value, (int64_t)rng_below(rng, 5), (int64_t)rng_below(rng, 20));
    }
    return list;
}

static bool has(const struct metric_ranks *list, const struct metric_rank *point)
{
    for (size_t i = 0; i < list->count; i++) {
        if (metric_order_compare(&list->items[i], point) == 0) {
            return true;
        }
    }
    return false;
}

static void assert_ascends(const struct metric_ranks *list)
{
    for (size_t i = 1; i < list->count; i++) {
        assert_true(metric_order_compare(&list->items[i - 1], &list->items[i]) < 0);
    }
}

TEST(values_that_are_one_to_mlflow_are_one)
{
    assert_false(signbit(metric_rank_of(-0.0, 0, 0).value));
    assert_true(metric_rank_of((double)INFINITY, 0, 0).value == DBL_MAX);
    assert_true(metric_rank_of(-(double)INFINITY, 0, 0).value == -DBL_MAX);
    struct metric_rank nan = metric_rank_of(-(double)NAN, 1, 2);
    assert_true(nan.is_nan && nan.value == 0 && nan.step == 1 && nan.time_ms == 2);
}

TEST(a_settled_list_ascends_and_has_each_point_once)
{
    struct rng rng;
    rng_seed(&rng, 5);
    for (int round = 0; round < 200; round++) {
        struct arena *arena = arena_new();
        struct metric_ranks list = drawn(arena, &rng, rng_below(&rng, 100));
        struct metric_ranks was = metric_ranks_new(arena, list.count);
        memcpy(was.items, list.items, list.count * sizeof *list.items);
        was.count = list.count;
        metric_ranks_settle(&list);
        assert_ascends(&list);
        for (size_t i = 0; i < was.count; i++) {
            assert_true(has(&list, &was.items[i]));
        }
        assert_true(list.count <= was.count);
        arena_free(arena);
    }
}

TEST(a_union_has_all_of_both_and_tells_what_is_new)
{
    struct rng rng;
    rng_seed(&rng, 6);
    for (int round = 0; round < 500; round++) {
        struct arena *arena = arena_new();
        struct metric_ranks a = drawn(arena, &rng, rng_below(&rng, 60));
        struct metric_ranks b = drawn(arena, &rng, rng_below(&rng, 60));
        struct metric_ranks new;
        metric_ranks_settle(&a);
        metric_ranks_settle(&b);
        struct metric_ranks both = metric_ranks_union(arena, &a, &b, &new);
        assert_ascends(&both);
        assert_ascends(&new);
        assert_int_equal(both.count, a.count + new.count);
        for (size_t i = 0; i < a.count; i++) {
            assert_true(has(&both, &a.items[i]));
        }
        for (size_t i = 0; i < b.count; i++) {
            assert_true(has(&both, &b.items[i]) && has(&new, &b.items[i]) == !has(&a, &b.items[i]));
        }
        arena_free(arena);
    }
}

TEST(what_stands_before_a_point_is_counted)
{
    struct arena *arena = arena_new();
    struct metric_ranks list = metric_ranks_new(arena, 10);
    for (int i = 0; i < 10; i++) {
        list.items[list.count++] = metric_rank_of(1, 0, i * 2);
    }
    for (int i = -1; i < 21; i++) {
        struct metric_rank point = metric_rank_of(1, 0, i);
        assert_int_equal(metric_ranks_before(&list, &point), i <= 0 ? 0 : i > 18 ? 10 : (i + 1) / 2);
    }
    arena_free(arena);
}

TEST(blocks_are_filled_and_come_back_whole)
{
    struct rng rng;
    rng_seed(&rng, 8);
    for (int round = 0; round < 50; round++) {
        struct arena *arena = arena_new();
        struct metric_ranks list = metric_ranks_new(arena, 3000);
        for (size_t i = 0; i < 3000; i++) {
            list.items[list.count++] = metric_rank_of(rng_unit(&rng), (int64_t)i, (int64_t)(i * rng_below(&rng, 1000)));
        }
        metric_ranks_settle(&list);
        size_t max_bytes = POINT_CODE_MAX_BYTES + rng_below(&rng, METRIC_BLOCK_BYTES - POINT_CODE_MAX_BYTES);
        for (size_t from = 0; from < list.count;) {
            unsigned char room[METRIC_BLOCK_BYTES];
            size_t bytes = 0;
            struct metric_ranks back;
            size_t count = metric_block_write(list.items + from, list.count - from, room, max_bytes, &bytes);
            assert_in_range(count, 1, list.count - from);
            assert_in_range(bytes, from + count == list.count ? 1 : max_bytes - POINT_CODE_MAX_BYTES, max_bytes);
            struct str text = {(const char *)room, bytes};
            assert_int_equal(metric_block_read(text, count, arena, &back, NULL), 0);
            for (size_t i = 0; i < count; i++) {
                assert_int_equal(metric_order_compare(&back.items[i], &list.items[from + i]), 0);
            }
            from += count;
        }
        arena_free(arena);
    }
}

static void fill(struct arena *arena, struct rng *rng, struct metric_ranks *list, size_t count)
{
    *list = metric_ranks_new(arena, count);
    for (size_t i = 0; i < count; i++) {
        double value = rng_below(rng, 20) == 0 ? (double)NAN : rng_unit(rng);
        list->items[list->count++] = metric_rank_of(value, (int64_t)i, (int64_t)(i * 100 + rng_below(rng, 90)));
    }
}

TEST(a_block_that_is_extended_has_the_bytes_of_one_written_at_once)
{
    struct rng rng;
    rng_seed(&rng, 9);
    struct arena *arena = arena_new();
    for (int round = 0; round < 200; round++) {
        struct metric_ranks list;
        fill(arena, &rng, &list, 500);
        unsigned char whole[METRIC_BLOCK_BYTES];
        unsigned char grown[METRIC_BLOCK_BYTES];
        size_t whole_bytes = 0;
        size_t bytes = 0;
        size_t fit = metric_block_write(list.items, list.count, whole, sizeof whole, &whole_bytes);
        size_t got = metric_block_write(list.items, 1 + rng_below(&rng, 60), grown, sizeof grown, &bytes);
        while (got < list.count) {
            struct metric_block_end end;
            assert_int_equal(metric_block_find_end((struct str){(const char *)grown, bytes}, got, &end, NULL), 0);
            assert_int_equal(metric_order_compare(&end.last, &list.items[got - 1]), 0);
            size_t wanted = 1 + rng_below(&rng, 60);
            wanted = wanted < list.count - got ? wanted : list.count - got;
            size_t more = metric_block_append(&end, list.items + got, wanted, grown, sizeof grown, &bytes);
            got += more;
            if (more < wanted) {
                break;
            }
        }
        assert_int_equal(got, fit);
        assert_int_equal(bytes, whole_bytes);
        assert_memory_equal(grown, whole, bytes);
        arena_reset(arena);
    }
    arena_free(arena);
}

TEST(bytes_that_are_no_block_are_damage)
{
    struct arena *arena = arena_new();
    struct metric_rank points[] = {metric_rank_of(1.5, 3, 10), metric_rank_of(-2, 4, 20), metric_rank_of(0, 4, 30)};
    unsigned char room[METRIC_BLOCK_BYTES];
    size_t bytes = 0;
    struct metric_ranks back;
    struct err err = {0};
    size_t ends[4] = {0};
    for (size_t count = 1; count <= 3; count++) {
        assert_int_equal(metric_block_write(points, count, room, sizeof room, &ends[count]), count);
    }
    bytes = ends[3];
    for (size_t size = 0; size <= bytes; size++) {
        for (size_t count = 0; count <= 4; count++) {
            struct str text = {(const char *)room, size};
            bool whole = count <= 3 && size == ends[count];
            assert_int_equal(metric_block_read(text, count, arena, &back, &err), whole ? 0 : -1);
            assert_true(whole || err.code == ERR_CORRUPT);
            err_clear(&err);
            struct metric_block_end end;
            assert_int_equal(metric_block_find_end(text, count, &end, &err), whole ? 0 : -1);
            assert_true(whole || err.code == ERR_CORRUPT);
            err_clear(&err);
        }
    }
    /* The same points in another order. */
    struct metric_rank swapped[] = {points[1], points[0]};
    assert_int_equal(metric_block_write(swapped, 2, room, sizeof room, &bytes), 2);
    assert_int_equal(metric_block_read((struct str){(const char *)room, bytes}, 2, arena, &back, &err), -1);
    assert_string_equal(err.message, "the store is damaged: expected 2 metric points in order, found 1");
    arena_free(arena);
}

TESTS(RUN(values_that_are_one_to_mlflow_are_one), RUN(a_settled_list_ascends_and_has_each_point_once),
      RUN(a_union_has_all_of_both_and_tells_what_is_new), RUN(what_stands_before_a_point_is_counted),
      RUN(blocks_are_filled_and_come_back_whole),
      RUN(a_block_that_is_extended_has_the_bytes_of_one_written_at_once), RUN(bytes_that_are_no_block_are_damage))
