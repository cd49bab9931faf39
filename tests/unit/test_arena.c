/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "test.h"

#include <stdalign.h>

TEST(allocations_are_zeroed_aligned_and_apart)
{
    struct arena *arena = arena_new();
    unsigned char *blocks[300];
    for (size_t i = 0; i < 300; i++) {
        blocks[i] = arena_alloc(arena, i);
        assert_int_equal((uintptr_t)blocks[i] % alignof(max_align_t), 0);
        for (size_t b = 0; b < i; b++) {
            assert_int_equal(blocks[i][b], 0);
        }
        memset(blocks[i], (int)(i & 0xff), i);
    }
    for (size_t i = 0; i < 300; i++) {
        for (size_t b = 0; b < i; b++) {
            assert_int_equal(blocks[i][b], i & 0xff);
        }
    }
    assert_true(arena_used_bytes(arena) >= 300 * 299 / 2);
    arena_free(arena);
    arena_free(NULL);
}

TEST(a_large_allocation_gets_its_own_block_and_small_ones_go_on)
{
    struct arena *arena = arena_new();
    char *small = arena_strdup(arena, "before");
    char *large = arena_alloc(arena, 5 << 20);
    large[(5 << 20) - 1] = 'x';
    char *after = arena_strdup(arena, "after");
    assert_string_equal(small, "before");
    assert_string_equal(after, "after");
    arena_free(arena);
}

TEST(a_reset_arena_hands_out_zeroed_memory_again)
{
    struct arena *arena = arena_new();
    for (int turn = 0; turn < 5; turn++) {
        for (int i = 0; i < 100; i++) {
            unsigned char *bytes = arena_alloc(arena, 500);
            for (int b = 0; b < 500; b++) {
                assert_int_equal(bytes[b], 0);
            }
            memset(bytes, 0xee, 500);
        }
        arena_reset(arena);
        assert_int_equal(arena_used_bytes(arena), 0);
    }
    arena_free(arena);
}

TEST(copies_end_in_a_nul_and_may_hold_nuls)
{
    struct arena *arena = arena_new();
    struct str copy = arena_str(arena, STR("a\0b"));
    assert_int_equal(copy.n, 3);
    assert_memory_equal(copy.p, "a\0b", 4);
    struct str empty = arena_str(arena, (struct str){0});
    assert_int_equal(empty.n, 0);
    assert_non_null(empty.p);
    assert_string_equal(empty.p, "");
    assert_string_equal(arena_dup(arena, "abcdef", 3), "abc");
    assert_string_equal(arena_printf(arena, "%s/%d", "x", 7), "x/7");
    assert_string_equal(arena_printf(arena, "%s", ""), "");
    arena_free(arena);
}

TEST(formatted_text_is_cut_at_a_mebibyte)
{
    struct arena *arena = arena_new();
    char *text = arena_printf(arena, "%2000000d", 1);
    assert_int_equal(strlen(text), 1 << 20);
    arena_free(arena);
}

TEST(growing_keeps_the_items)
{
    struct arena *arena = arena_new();
    int *items = NULL;
    size_t room = 0;
    for (size_t count = 0; count < 1000; count++) {
        items = arena_grow(arena, items, count, &room, sizeof *items);
        assert_true(room > count);
        items[count] = (int)count;
    }
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(items[i], i);
    }
    arena_free(arena);
}

TESTS(RUN(allocations_are_zeroed_aligned_and_apart), RUN(a_large_allocation_gets_its_own_block_and_small_ones_go_on),
      RUN(a_reset_arena_hands_out_zeroed_memory_again), RUN(copies_end_in_a_nul_and_may_hold_nuls),
      RUN(formatted_text_is_cut_at_a_mebibyte), RUN(growing_keeps_the_items))
