/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/seal.h"

#include "test.h"

#include <stdio.h>

struct fixture {
    struct arena *arena;
    struct seal_key key;
    struct str opened;
    struct err err;
};

static void fill_master(unsigned char master[SEAL_MASTER_BYTES], int first)
{
    for (int i = 0; i < SEAL_MASTER_BYTES; i++) {
        master[i] = (unsigned char)(first + i);
    }
}

static struct seal_key key_of(int first, const char *purpose)
{
    unsigned char master[SEAL_MASTER_BYTES];
    struct seal_key key;
    fill_master(master, first);
    seal_key_derive(master, purpose, &key);
    return key;
}

static struct fixture begin(void)
{
    return (struct fixture){.arena = arena_new(), .key = key_of(0, "secrets_")};
}

static int opens(struct fixture *f, struct str context, struct str sealed)
{
    err_clear(&f->err);
    return seal_open(&f->key, context, sealed, f->arena, &f->opened, &f->err);
}

static const struct str here = STR("here");

TEST(what_was_sealed_is_read_again_whatever_its_length)
{
    static const size_t sizes[] = {0, 1, 8, 63, 64, 65, 127, 128, 1000, 65536};
    struct fixture f = begin();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *text = arena_alloc(f.arena, sizes[i] + 1);
        memset(text, 0x80, sizes[i]); /* what padding begins with, too */
        struct str sealed = seal(&f.key, here, (struct str){text, sizes[i]}, f.arena);
        assert_int_equal(sealed.n, SEAL_OVERHEAD_BYTES + (sizes[i] / SEAL_BLOCK_BYTES + 1) * SEAL_BLOCK_BYTES);
        assert_int_equal(opens(&f, here, sealed), 0);
        assert_int_equal(f.opened.n, sizes[i]);
        assert_memory_equal(f.opened.p, text, sizes[i]);
    }
    arena_free(f.arena);
}

TEST(the_text_is_not_in_what_is_sealed_and_no_two_are_alike)
{
    struct fixture f = begin();
    struct str text = STR("correct horse battery staple");
    struct str one = seal(&f.key, here, text, f.arena);
    struct str other = seal(&f.key, here, text, f.arena);
    assert_int_equal(str_find(one, STR("horse")), -1);
    assert_int_equal(one.n, other.n);
    assert_memory_not_equal(one.p + 1, other.p + 1, 24);
    assert_memory_not_equal(one.p + 25, other.p + 25, one.n - 25);
    assert_int_equal(seal(&f.key, here, STR("short"), f.arena).n, one.n);
    arena_free(f.arena);
}

TEST(a_change_of_any_byte_or_of_the_length_is_noticed)
{
    struct fixture f = begin();
    struct str sealed = seal(&f.key, here, STR("correct horse battery staple"), f.arena);
    char *changed = arena_dup(f.arena, sealed.p, sealed.n);
    for (size_t i = 0; i < sealed.n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            changed[i] = (char)(sealed.p[i] ^ (1 << bit));
            assert_int_equal(opens(&f, here, (struct str){changed, sealed.n}), -1);
            assert_int_equal(f.err.code, ERR_CORRUPT);
        }
        changed[i] = sealed.p[i];
    }
    for (size_t n = 0; n < sealed.n; n++) {
        assert_int_equal(opens(&f, here, (struct str){sealed.p, n}), -1);
    }
    struct str longer = {arena_dup(f.arena, sealed.p, sealed.n), sealed.n + 1};
    assert_int_equal(opens(&f, here, longer), -1);
    assert_int_equal(opens(&f, here, sealed), 0);
    arena_free(f.arena);
}

TEST(it_opens_under_its_key_and_in_its_context_only)
{
    struct fixture f = begin();
    struct str sealed = seal(&f.key, here, STR("correct horse"), f.arena);
    assert_int_equal(opens(&f, STR("there"), sealed), -1);
    assert_int_equal(opens(&f, STR(""), sealed), -1);
    struct seal_key keys[] = {key_of(1, "secrets_"), key_of(0, "others__")};
    for (size_t i = 0; i < 2; i++) {
        assert_string_not_equal(keys[i].id, f.key.id);
        struct err err = {0};
        assert_int_equal(seal_open(&keys[i], here, sealed, f.arena, &f.opened, &err), -1);
        assert_string_equal(err.message, "what is sealed was changed");
    }
    assert_string_equal(key_of(0, "secrets_").id, f.key.id);
    seal_key_wipe(&f.key);
    assert_string_equal(f.key.id, "");
    arena_free(f.arena);
}

TEST(the_parts_of_a_context_do_not_run_together)
{
    struct arena *arena = arena_new();
    const struct str one[] = {STR("ab"), STR("c")};
    const struct str other[] = {STR("a"), STR("bc")};
    const struct str three[] = {STR("ab"), STR("c"), STR("")};
    assert_false(str_eq(seal_context(arena, one, 2), seal_context(arena, other, 2)));
    assert_false(str_eq(seal_context(arena, one, 2), seal_context(arena, three, 3)));
    assert_true(str_eq(seal_context(arena, one, 2), (struct str){"\2\0\0\0\0\0\0\0ab\1\0\0\0\0\0\0\0c", 19}));
    arena_free(arena);
}

/* What homes hold by now has to be read by every version after this one. */
TEST(what_an_earlier_version_sealed_is_read)
{
    static const char sealed[] = "AW0O8j5jS2imsD2J8koS1R1Jc97bw1fkNzc5pQ2SCvAC1fWHWgVh0jVn5fGV2hgVfseBOATb"
                                 "CMWnbhLrJaaKRImLXn1dQq5cjJtsGUS4FCAaPktHy+rr3tanTcQcG0mLgR3ApEnyV/J/";
    struct fixture f = begin();
    struct str bytes;
    assert_string_equal(f.key.id, "ba294560371efec3");
    assert_int_equal(seal_from_text(STR(sealed), f.arena, &bytes, &f.err), 0);
    assert_int_equal(opens(&f, here, bytes), 0);
    assert_true(str_is(f.opened, "correct horse battery staple"));
    arena_free(f.arena);
}

TEST(sealed_bytes_travel_as_text)
{
    struct fixture f = begin();
    struct str sealed = seal(&f.key, here, STR("correct horse"), f.arena);
    struct str back;
    struct str text = seal_to_text(sealed, f.arena);
    assert_int_equal(seal_from_text(text, f.arena, &back, &f.err), 0);
    assert_true(str_eq(back, sealed));
    static const struct str wrong[] = {STR("="), STR("a"), STR("ab=c"), STR("a b c d"), STR("ab==x"), STR("\xff")};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        err_clear(&f.err);
        assert_int_equal(seal_from_text(wrong[i], f.arena, &back, &f.err), -1);
        assert_int_equal(f.err.code, ERR_INPUT);
    }
    arena_free(f.arena);
}

TEST(a_master_is_32_bytes_in_hex_or_base64)
{
    static const char *const good[] = {
        "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
        "E0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF",
        "4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8=",
        "4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8",
        "4OHi4-Tl5ufo6err7O3u7_Dx8vP09fb3-Pn6-_z9_v8=",
        "4OHi4-Tl5ufo6err7O3u7_Dx8vP09fb3-Pn6-_z9_v8",
        " 4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8=\n",
    };
    static const char *const wrong[] = {
        "", "swordfish", "e0e1", "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfe",
        "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfefg",
        "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff00",
        "4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8=x", "4OHi4-Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8=",
        "4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/g==",
    };
    unsigned char expected[SEAL_MASTER_BYTES];
    unsigned char master[SEAL_MASTER_BYTES];
    fill_master(expected, 0xe0);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        memset(master, 0, sizeof master);
        assert_int_equal(seal_master_parse(str_from(good[i]), master, NULL), 0);
        assert_memory_equal(master, expected, sizeof master);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct err err = {0};
        assert_int_equal(seal_master_parse(str_from(wrong[i]), master, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
        assert_true(wrong[i][0] == '\0' || strstr(err.message, wrong[i]) == NULL);
    }
}

TESTS(RUN(what_was_sealed_is_read_again_whatever_its_length),
      RUN(the_text_is_not_in_what_is_sealed_and_no_two_are_alike),
      RUN(a_change_of_any_byte_or_of_the_length_is_noticed), RUN(it_opens_under_its_key_and_in_its_context_only),
      RUN(the_parts_of_a_context_do_not_run_together), RUN(what_an_earlier_version_sealed_is_read),
      RUN(sealed_bytes_travel_as_text), RUN(a_master_is_32_bytes_in_hex_or_base64))
