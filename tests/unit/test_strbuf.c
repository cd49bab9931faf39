/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strbuf.h"

#include "test.h"

TEST(a_new_buffer_is_the_empty_text)
{
    struct strbuf buf;
    strbuf_init(&buf, 100);
    assert_string_equal(buf.data, "");
    assert_int_equal(buf.length, 0);
    assert_false(buf.overflow);
    strbuf_clear(&buf);
    strbuf_clear(&buf); /* a zeroed buffer is allowed */
}

TEST(text_is_added_behind_and_always_ends_in_a_nul)
{
    struct strbuf buf;
    strbuf_init(&buf, 1000);
    strbuf_add_text(&buf, "a");
    strbuf_add_str(&buf, STR("bc"));
    strbuf_add_str(&buf, (struct str){0});
    strbuf_add_byte(&buf, 'd');
    strbuf_printf(&buf, "%d-%s", 42, "x");
    strbuf_printf(&buf, "%s", "");
    assert_string_equal(buf.data, "abcd42-x");
    assert_int_equal(buf.length, 8);
    strbuf_truncate(&buf, 3);
    assert_string_equal(buf.data, "abc");
    strbuf_truncate(&buf, 3);
    strbuf_reset(&buf);
    assert_string_equal(buf.data, "");
    strbuf_add(&buf, "x\0y", 3);
    assert_int_equal(buf.length, 3);
    assert_memory_equal(buf.data, "x\0y", 4);
    strbuf_clear(&buf);
}

TEST(growing_keeps_what_is_there)
{
    struct strbuf buf;
    strbuf_init(&buf, 100000);
    for (int i = 0; i < 10000; i++) {
        strbuf_printf(&buf, "%04d", i);
    }
    assert_int_equal(buf.length, 40000);
    assert_memory_equal(buf.data, "000000010002", 12);
    assert_memory_equal(buf.data + 40000 - 8, "99989999", 9);
    assert_false(buf.overflow);
    strbuf_clear(&buf);
}

TEST(past_the_maximum_it_keeps_what_fits_and_says_so)
{
    for (size_t max = 0; max < 200; max++) {
        struct strbuf buf;
        strbuf_init(&buf, max);
        char piece[] = "0123456";
        for (size_t added = 0; added < 210; added += 7) {
            assert_int_equal(buf.overflow, added > max);
            strbuf_add_text(&buf, piece);
            assert_true(buf.length <= max);
            assert_int_equal(strlen(buf.data), buf.length);
        }
        assert_int_equal(buf.length, max);
        strbuf_reset(&buf);
        assert_false(buf.overflow);
        strbuf_clear(&buf);
    }
}

TEST(exactly_the_maximum_is_no_overflow)
{
    struct strbuf buf;
    strbuf_init(&buf, 4);
    strbuf_add_text(&buf, "abcd");
    strbuf_add_text(&buf, "");
    assert_false(buf.overflow);
    strbuf_add_byte(&buf, 'e');
    assert_true(buf.overflow);
    assert_string_equal(buf.data, "abcd");
    strbuf_clear(&buf);
}

TEST(taking_hands_the_text_over)
{
    struct strbuf buf;
    strbuf_init(&buf, 100);
    strbuf_add_text(&buf, "mine");
    char *text = strbuf_take(&buf);
    assert_string_equal(text, "mine");
    assert_null(buf.data);
    free(text);
    strbuf_init(&buf, 10);
    strbuf_add_text(&buf, "again");
    assert_string_equal(buf.data, "again");
    strbuf_clear(&buf);
}

TESTS(RUN(a_new_buffer_is_the_empty_text), RUN(text_is_added_behind_and_always_ends_in_a_nul),
      RUN(growing_keeps_what_is_there), RUN(past_the_maximum_it_keeps_what_fits_and_says_so),
      RUN(exactly_the_maximum_is_no_overflow), RUN(taking_hands_the_text_over))
