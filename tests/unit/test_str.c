/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include "test.h"

static void assert_str(struct str found, const char *expected)
{
    assert_int_equal(found.n, strlen(expected));
    assert_memory_equal(found.n == 0 ? "" : found.p, expected, found.n);
}

TEST(the_zero_view_is_the_empty_text)
{
    struct str zero = {0};
    assert_true(str_eq(zero, STR("")));
    assert_true(str_is(zero, ""));
    assert_int_equal(str_cmp(zero, STR("")), 0);
    assert_true(str_cmp(zero, STR("a")) < 0);
    assert_true(str_starts(STR("abc"), zero));
    assert_true(str_ends(STR("abc"), zero));
    assert_true(str_starts(zero, zero));
    assert_int_equal(str_find(zero, STR("a")), -1);
    assert_int_equal(str_find(STR("abc"), zero), 0);
    assert_int_equal(str_find_byte(zero, 'a', 0), -1);
    assert_str(str_slice(zero, 0, 9), "");
    assert_str(str_trim(zero), "");
    assert_int_equal(str_distance(zero, STR("abc")), 3);
    assert_str(str_from(NULL), "");
}

TEST(views_compare_bytewise_and_shorter_first)
{
    static const char *const rising[] = {"", "A", "B", "a", "aa", "ab", "b", "\x7f", "\xc3\xa6", "\xff"};
    for (size_t i = 0; i < sizeof rising / sizeof *rising; i++) {
        for (size_t j = 0; j < sizeof rising / sizeof *rising; j++) {
            int order = str_cmp(str_from(rising[i]), str_from(rising[j]));
            assert_int_equal(order < 0 ? -1 : order > 0, i < j ? -1 : i > j);
            assert_int_equal(str_eq(str_from(rising[i]), str_from(rising[j])), i == j);
        }
    }
    assert_false(str_eq(STR("a\0b"), STR("a\0c")));
    assert_true(str_eq(STR("a\0b"), STR("a\0b")));
}

TEST(a_view_knows_how_it_starts_and_ends)
{
    assert_true(str_starts(STR("models:/wine"), STR("models:/")));
    assert_false(str_starts(STR("mod"), STR("models:/")));
    assert_true(str_ends(STR("train.py"), STR(".py")));
    assert_false(str_ends(STR("y"), STR(".py")));
    assert_false(str_ends(STR("train.pyc"), STR(".py")));
}

TEST(finding_gives_the_first_offset)
{
    assert_int_equal(str_find(STR("abcabc"), STR("bc")), 1);
    assert_int_equal(str_find(STR("abc"), STR("abcd")), -1);
    assert_int_equal(str_find(STR("aab"), STR("ab")), 1);
    assert_int_equal(str_find(STR("a\0b"), STR("\0b")), 1);
    assert_int_equal(str_find_byte(STR("a,b,c"), ',', 0), 1);
    assert_int_equal(str_find_byte(STR("a,b,c"), ',', 2), 3);
    assert_int_equal(str_find_byte(STR("a,b,c"), ',', 4), -1);
    assert_int_equal(str_find_byte(STR("a"), 'a', 5), -1);
}

TEST(a_slice_is_clamped_to_the_text)
{
    assert_str(str_slice(STR("abcdef"), 2, 4), "cd");
    assert_str(str_slice(STR("abc"), 1, 100), "bc");
    assert_str(str_slice(STR("abc"), 3, 3), "");
    assert_str(str_slice(STR("abc"), 2, 1), "");
    assert_str(str_slice(STR("abc"), 50, 100), "");
}

TEST(trimming_takes_blanks_off_both_ends_only)
{
    assert_str(str_trim(STR(" \t\r\n a b \n")), "a b");
    assert_str(str_trim(STR("  ")), "");
    assert_str(str_trim(STR("a")), "a");
    assert_str(str_trim(STR("\va\f")), "\va\f");
}

TEST(cutting_gives_empty_parts_and_ends)
{
    static const struct {
        const char *text;
        const char *parts[5];
    } cases[] = {
        {"", {""}},
        {"a", {"a"}},
        {"a,,b", {"a", "", "b"}},
        {",", {"", ""}},
        {"a,", {"a", ""}},
        {",a", {"", "a"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str rest = str_from(cases[i].text);
        struct str part = {0};
        for (size_t p = 0; cases[i].parts[p] != NULL; p++) {
            assert_true(str_cut(&rest, ',', &part));
            assert_str(part, cases[i].parts[p]);
        }
        assert_false(str_cut(&rest, ',', &part));
    }
    struct str nothing = {0};
    struct str part = {0};
    assert_false(str_cut(&nothing, ',', &part));
}

TEST(the_distance_counts_slips_of_the_hand)
{
    static const struct {
        const char *a, *b;
        size_t distance;
    } cases[] = {
        {"", "", 0}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "ab", 1}, {"abc", "abcd", 1}, {"abcd",
        "abdc", 1}, {"teh", "the", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3}, {"Name", "name", 1},
        {"needs", "nedes", 1}, {"timeout", "tiemout", 1}, {"abcdef", "", 6}, {"retry", "rerty", 1}, {"xyz",
        "abc", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(str_distance(str_from(cases[i].a), str_from(cases[i].b)), cases[i].distance);
        assert_int_equal(str_distance(str_from(cases[i].b), str_from(cases[i].a)), cases[i].distance);
    }
    char longer[66] = {0};
    memset(longer, 'a', 65);
    assert_int_equal(str_distance(str_from(longer), str_from(longer)), 64);
    longer[64] = '\0';
    assert_int_equal(str_distance(str_from(longer), str_from(longer)), 0);
}

TEST(the_nearest_name_is_a_slip_away_or_nothing)
{
    static const struct str names[] = {STR("name"), STR("needs"), STR("retry"), STR("timeout"),
                                       STR("continue_on_error")};
    static const struct {
        const char *word;
        ptrdiff_t nearest;
    } cases[] = {
        {"nmae", 0}, {"Name", 0}, {"NAME", 0}, {"need", 1}, {"retyr", 2}, {"tiemout", 3}, {"time_out", 3},
        {"continue-on-error", 4}, {"continueOnError", 4}, {"zzz", -1}, {"", -1}, {"artifacts", -1},
        {"timeouts_", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(str_nearest(str_from(cases[i].word), names, sizeof names / sizeof *names), cases[i].nearest);
    }
    static const struct str cased[] = {STR("Name"), STR("name")};
    assert_int_equal(str_nearest(STR("name"), cased, 2), 1);
    assert_int_equal(str_nearest(STR("name"), NULL, 0), -1);
}

TEST(an_identifier_is_a_name_of_c)
{
    static const char *const good[] = {"a", "_", "Z9", "snake_case_1"};
    static const char *const bad[] = {"", "9a", "a-b", "a b", "\xc3\xa6", "a.b"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(str_is_identifier(str_from(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(str_is_identifier(str_from(bad[i])));
    }
}

TESTS(RUN(an_identifier_is_a_name_of_c), RUN(the_zero_view_is_the_empty_text),
      RUN(views_compare_bytewise_and_shorter_first), RUN(a_view_knows_how_it_starts_and_ends),
      RUN(finding_gives_the_first_offset), RUN(a_slice_is_clamped_to_the_text),
      RUN(trimming_takes_blanks_off_both_ends_only), RUN(cutting_gives_empty_parts_and_ends),
      RUN(the_distance_counts_slips_of_the_hand), RUN(the_nearest_name_is_a_slip_away_or_nothing))
