/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include "test.h"

#include <stdio.h>

TEST(every_code_point_is_encoded_and_decoded_again)
{
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        if (code >= 0xd800 && code < 0xe000) {
            continue;
        }
        char room[4];
        uint32_t again = 0;
        size_t length = utf8_encode(code, room);
        assert_true(length == (code < 0x80 ? 1u : code < 0x800 ? 2u : code < 0x10000 ? 3u : 4u));
        assert_true(utf8_decode(room, length, &again) == length && again == code);
        assert_true(utf8_valid((struct str){room, length}));
        for (size_t cut = 0; cut < length; cut++) {
            assert_true(utf8_decode(room, cut, &again) == 0);
        }
    }
}

/* Markus Kuhn's classes of malformed sequences, and the borders of RFC 3629's table. */
TEST(what_rfc_3629_excludes_is_refused)
{
    static const struct str bad[] = {
        STR("\x80"),
        STR("\xbf"),
        STR("\xc0\x80"),
        STR("\xc0\xaf"),
        STR("\xc1\xbf"),
        STR("\xc2"),
        STR("\xc2\x41"),
        STR("\xe0\x80\xaf"),
        STR("\xe0\x9f\xbf"),
        STR("\xe1\x80"),
        STR("\xe1\x80\x41"),
        STR("\xed\xa0\x80"),
        STR("\xed\xad\xbf"),
        STR("\xed\xbf\xbf"),
        STR("\xf0\x80\x80\xaf"),
        STR("\xf0\x8f\xbf\xbf"),
        STR("\xf1\x80\x80"),
        STR("\xf4\x90\x80\x80"),
        STR("\xf5\x80\x80\x80"),
        STR("\xf8\x88\x80\x80\x80"),
        STR("\xfe"),
        STR("\xff"),
        STR("a\xffz"),
        STR("\xc3\xa6\x80"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(utf8_valid(bad[i]));
    }
    static const struct str good[] = {
        {0},
        STR(""),
        STR("a\0b"),
        STR("\x7f"),
        STR("\xc2\x80"),
        STR("\xdf\xbf"),
        STR("\xe0\xa0\x80"),
        STR("\xed\x9f\xbf"),
        STR("\xee\x80\x80"),
        STR("\xef\xbf\xbf"),
        STR("\xf0\x90\x80\x80"),
        STR("\xf4\x8f\xbf\xbf"),
        STR("bl\xc3\xa5 \xe6\x97\xa5 \xf0\x9f\x98\x80"),
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(utf8_valid(good[i]));
    }
}

TEST(columns_count_wide_and_combining_characters)
{
    assert_int_equal(utf8_columns(STR("")), 0);
    assert_int_equal(utf8_columns(STR("abc")), 3);
    assert_int_equal(utf8_columns(STR("bl\xc3\xa5")), 3);
    assert_int_equal(utf8_columns(STR("\xe6\x97\xa5\xe6\x9c\xac")), 4);
    assert_int_equal(utf8_columns(STR("e\xcc\x81")), 1);
    assert_int_equal(utf8_columns(STR("\xf0\x9f\x98\x80")), 2);
    assert_int_equal(utf8_columns(STR("\xff\xfe")), 2);
    assert_int_equal(utf8_columns(STR("\xe2\x9c\x93 ok")), 4);
}

TEST(one_line_has_no_control_characters_left)
{
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {{"", ""},
                 {"as it is", "as it is"},
                 {"a\nb\r\nc\td", "a b  c d"},
                 {"\x1b[31mred\x07\x7f", "?[31mred??"},
                 {"\xc2\x9b" "31m \xc2\x80\xc2\x9f \xc2\xa0", "??31m ???? \xc2\xa0"},
                 {"bl\xc3\xa5 \xe2\x9c\x93", "bl\xc3\xa5 \xe2\x9c\x93"},
                 {"cut \xc2", "cut \xc2"},
                 {"a\xe2\x80\xae" "b\xe2\x81\xa6" "c\xe2\x80\xa9", "a\xef\xbf\xbd" "b\xef\xbf\xbd" "c\xe2\x80\xa9"},
                 {"cut \xe2", "cut \xe2"},
                 {"cut \xe2\x80", "cut \xe2\x80"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "%s", cases[i].text);
        utf8_one_line(text);
        assert_string_equal(text, cases[i].expected);
    }
}

TEST(lines_stay_lines)
{
    char text[] = "a\n\tb\r\n\x1b[2J\xe2\x80\xae" "c\xc2\x9b";
    utf8_lines(text);
    assert_string_equal(text, "a\n\tb \n?[2J\xef\xbf\xbd" "c??");
}

TESTS(RUN(every_code_point_is_encoded_and_decoded_again), RUN(what_rfc_3629_excludes_is_refused),
      RUN(columns_count_wide_and_combining_characters), RUN(one_line_has_no_control_characters_left),
      RUN(lines_stay_lines))
