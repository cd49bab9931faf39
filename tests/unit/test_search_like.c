/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strbuf.h"
#include "search/like.h"
#include "test.h"

#include <stdio.h>
#include <time.h>

static const struct {
    const char *pattern, *text;
    bool matches, folded; /* LIKE, ILIKE */
} cases[] = {
    {"", "", true, true},
    {"", "a", false, false},
    {"%", "", true, true},
    {"%", "anything", true, true},
    {"%%", "", true, true},
    {"_", "", false, false},
    {"_", "a", true, true},
    {"_", "ab", false, false},
    {"abc", "abc", true, true},
    {"abc", "ABC", false, true},
    {"aBc", "AbC", false, true},
    {"a%", "a", true, true},
    {"a%", "abc", true, true},
    {"a%", "ba", false, false},
    {"%a", "ba", true, true},
    {"%a", "bab", false, false},
    {"%a%", "bab", true, true},
    {"%a%a%", "a", false, false},
    {"%a%a%", "aa", true, true},
    {"a%a", "a", false, false},
    {"a%b%c", "a1b2c", true, true},
    {"a%b%c", "acb", false, false},
    {"%ab%", "aab", true, true},
    {"%aab", "aaab", true, true},
    {"a_c", "abc", true, true},
    {"a_c", "ac", false, false},
    {"%a_c%", "xxabcxx", true, true},
    {"%a_c%", "aaacx", true, true},
    {"%a__c%", "abcd", false, false},
    {"%_b%", "b", false, false},
    {"%_b%", "ab", true, true},
    {"%a_", "ba1", true, true},
    {"%a_", "a", false, false},
    {"_%_", "a", false, false},
    {"_%_", "ab", true, true},
    {"%__%", "a", false, false},
    {"%A_C%", "xabcx", false, true},
    {"\\%", "%", false, false}, /* nothing is escaped */
    {"\\%", "\\x", true, true},
    {"100%", "100 percent", true, true},
    {"_", "\xc3\xa9", true, true}, /* one character */
    {"__", "\xc3\xa9", false, false},
    {"%\xc3\xa9_%", "caf\xc3\xa9s", true, true},
    {"%_\xc3\xa9%", "caf\xc3\xa9s", true, true},
    {"\xc3\x89%", "\xc3\xa9s", false, false}, /* ASCII letters alone have two cases */
    {"_", "\xff", true, true},                /* what is no UTF-8 counts byte by byte */
    {"%\xff_%", "a\xff\xff", true, true},
    {"%\xc3_%", "\xc3\xa9x", false, false},
};

TEST(patterns_match_as_sql_has_them)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str pattern = str_from(cases[i].pattern);
        struct str text = str_from(cases[i].text);
        if (like_matches(pattern, text, false) != cases[i].matches ||
            like_matches(pattern, text, true) != cases[i].folded) {
            fail_msg("'%s' LIKE '%s'", cases[i].text, cases[i].pattern);
        }
    }
}

/* What SQL says of it, written down as plainly as can be. */
static bool plainly(const char *pattern, const char *text)
{
    if (*pattern == '\0') {
        return *text == '\0';
    }
    if (*pattern == '%') {
        return plainly(pattern + 1, text) || (*text != '\0' && plainly(pattern, text + 1));
    }
    return *text != '\0' && (*pattern == '_' || *pattern == *text) && plainly(pattern + 1, text + 1);
}

TEST(all_short_patterns_match_what_the_plain_definition_matches)
{
    static const char letters[] = "ab%_";
    for (unsigned p = 0; p < 4096; p++) {
        char pattern[7] = {0};
        for (unsigned i = 0, rest = p; i < 6; i++, rest /= 4) {
            pattern[i] = letters[rest % 4];
        }
        for (unsigned t = 0; t < 64; t++) {
            char text[7] = {0};
            for (unsigned i = 0, rest = t; i < 6; i++, rest /= 2) {
                text[i] = letters[rest % 2];
            }
            if (like_matches(str_from(pattern), str_from(text), false) != plainly(pattern, text)) {
                fail_msg("'%s' LIKE '%s'", text, pattern);
            }
        }
    }
}

static struct str repeated(struct strbuf *out, const char *what, size_t times, const char *end)
{
    strbuf_init(out, 1 << 20);
    for (size_t i = 0; i < times; i++) {
        strbuf_add_text(out, what);
    }
    strbuf_add_text(out, end);
    return strbuf_str(out);
}

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Whoever goes back at each '%' takes minutes for these. */
TEST(no_pattern_takes_long)
{
    static const struct {
        const char *what, *end;
        size_t times;
        bool matches;
    } patterns[] = {
        {"%a", "", 50000, true},
        {"%a", "", 100001, false},
        {"%a", "b", 50000, false},
        {"%a", "%b", 50000, false},
        {"a", "b%", 50000, false},
        {"%aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "%", 1000, false},
        {"%_a_a_a_a_a_a_a_a_a_a_a_a_a_a_a_a_a_a_a_a_a_a_ab", "%", 1000, false},
        {"%a_", "", 33000, true},
        {"_", "", 100000, true},
    };
    struct strbuf text;
    struct str many = repeated(&text, "a", 100000, "");
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        struct strbuf room;
        struct str pattern = repeated(&room, patterns[i].what, patterns[i].times, patterns[i].end);
        for (int fold = 0; fold < 2; fold++) {
            double before = seconds();
            assert_int_equal(like_matches(pattern, many, fold != 0), patterns[i].matches);
            double took = seconds() - before;
            if (took > 0.2) { /* twenty times what is promised: a test says nothing about a busy machine */
                fail_msg("pattern %zu took %.3f s", i, took);
            }
        }
        strbuf_clear(&room);
    }
    strbuf_clear(&text);
}

TEST(a_part_with_wildcards_between_two_percent_signs_has_a_bound)
{
    struct strbuf room;
    struct err err = {0};
    char before[8] = "%";
    struct str part = repeated(&room, "_", LIKE_PART_CHARACTERS, "");
    char *pattern = NULL;
    assert_true(asprintf(&pattern, "%s%.*s%%", before, (int)part.n, part.p) > 0);
    assert_int_equal(like_check(str_from(pattern), &err), 0);
    assert_true(like_matches(str_from(pattern), part, false));
    free(pattern);
    assert_true(asprintf(&pattern, "%s_%.*s%%", before, (int)part.n, part.p) > 0);
    assert_int_equal(like_check(str_from(pattern), &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_string_equal(err.message, "a part of a pattern between two '%' that holds '_' has at most 256 characters, "
                                     "found 257");
    assert_int_equal(like_check(str_from(pattern + 1), NULL), 0); /* at an end of the text there is none */
    assert_false(like_matches(str_from(pattern), part, false));
    free(pattern);
    strbuf_clear(&room);
}

TESTS(RUN(patterns_match_as_sql_has_them), RUN(all_short_patterns_match_what_the_plain_definition_matches),
      RUN(no_pattern_takes_long), RUN(a_part_with_wildcards_between_two_percent_signs_has_a_bound))
