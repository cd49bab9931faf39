/* SPDX-License-Identifier: Apache-2.0 */
#include "base/siphash.h"
#include "base/str_index.h"

#include "test.h"

/* The vectors that the authors published with the reference implementation: the key is the bytes 0, 1, ..., 15, and so
 * are the texts. */
TEST(siphash_gives_the_published_values)
{
    static const struct {
        size_t length;
        uint64_t hash;
    } rows[] = {
        {0, UINT64_C(0x726fdb47dd0e0e31)},  {1, UINT64_C(0x74f839c593dc67fd)},  {7, UINT64_C(0xab0200f58b01d137)},
        {8, UINT64_C(0x93f5f5799a932462)},  {9, UINT64_C(0x9e0082df0ba9e4b0)},  {15, UINT64_C(0xa129ca6149be45e5)},
        {63, UINT64_C(0x958a324ceb064572)},
    };
    const struct siphash_key key = {{UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};
    char bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)i;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t hash = siphash(key, (struct str){bytes, rows[i].length});
        if (hash != rows[i].hash) {
            fail_msg("%zu bytes: expected %016llx, found %016llx", rows[i].length, (unsigned long long)rows[i].hash,
                     (unsigned long long)hash);
        }
    }
}

TEST(two_keys_are_never_the_same)
{
    struct siphash_key a = siphash_key_new();
    struct siphash_key b = siphash_key_new();
    assert_memory_not_equal(&a, &b, sizeof a);
}

TEST(each_text_is_found_by_the_number_it_was_added_with)
{
    enum { COUNT = 5000 };
    for (size_t room = 0; room <= COUNT; room += COUNT) { /* one that grows, one that has room for all */
        struct arena *arena = arena_new();
        struct str_index *index = str_index_new(arena, room);
        assert_int_equal(str_index_find(index, STR("s0")), -1);
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(str_index_add(index, str_from(arena_printf(arena, "s%zu", i))), i);
        }
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(str_index_find(index, str_from(arena_printf(arena, "s%zu", i))), i);
            assert_int_equal(str_index_find(index, str_from(arena_printf(arena, "t%zu", i))), -1);
        }
        arena_free(arena);
    }
}

TEST(of_equal_texts_the_first_is_found_and_the_others_are_counted)
{
    struct arena *arena = arena_new();
    struct str_index *index = str_index_new(arena, 2);
    struct str nothing = {0};
    assert_int_equal(str_index_add(index, STR("a")), 0);
    assert_int_equal(str_index_add(index, STR("b")), 1);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(str_index_add(index, STR("a")), 0);
    }
    assert_int_equal(str_index_add(index, nothing), 102);
    assert_int_equal(str_index_add(index, STR("")), 102);
    assert_int_equal(str_index_add(index, STR("a\0b")), 104);
    assert_int_equal(str_index_find(index, STR("a")), 0);
    assert_int_equal(str_index_find(index, STR("b")), 1);
    assert_int_equal(str_index_find(index, nothing), 102);
    assert_int_equal(str_index_find(index, STR("a\0b")), 104);
    arena_free(arena);
}

TESTS(RUN(siphash_gives_the_published_values), RUN(two_keys_are_never_the_same),
      RUN(each_text_is_found_by_the_number_it_was_added_with),
      RUN(of_equal_texts_the_first_is_found_and_the_others_are_counted))
