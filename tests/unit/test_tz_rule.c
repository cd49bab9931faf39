/* SPDX-License-Identifier: Apache-2.0
 * libc reads the same texts from TZ, and is asked what each instant shows.
 */
#include "base/rng.h"
#include "test.h"
#include "time/tz_rule.h"

#include <stdio.h>
#include <time.h>

static struct tz_rule rule_of(const char *text)
{
    struct tz_rule rule;
    struct err err = {0};
    if (tz_rule_parse(str_from(text), &rule, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return rule;
}

TEST(a_rule_says_what_libc_says)
{
    static const char *const texts[] = {
        "UTC0",
        "<+0530>-5:30",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "EST5EDT,M3.2.0,M11.1.0",
        "<-03>3<-02>,M3.5.0/-1,M10.5.0/0",
        "AEST-10AEDT,M10.1.0,M4.1.0/3",
        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
        "IST-1GMT0,M10.5.0,M3.5.0/1",
        "IST-2IDT,M3.4.4/26,M10.5.0",
        "<+0330>-3:30<+0430>,J79/24,J263/24",
        "AAA3BBB,59/0,300/4:30:15",
        "AAA3BBB,J59/0,J60/4",
        "<-01>+1<+00>,M3.5.0/0,M10.5.0/1",
        "NST3:30NDT2:30:30,M3.2.0/0:01,M11.1.0/0:01",
    };
    struct rng rng;
    rng_seed(&rng, 11);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct tz_rule rule = rule_of(texts[i]);
        assert_int_equal(setenv("TZ", texts[i], 1), 0);
        tzset();
        for (int k = 0; k < 5000; k++) {
            time_t at = (time_t)rng_below(&rng, UINT64_C(7258118400)); /* 1970 to 2200 */
            struct tm local;
            int64_t from = 0;
            int64_t to = 0;
            const struct tz_local *found = tz_rule_at(&rule, at, &from, &to);
            assert_non_null(localtime_r(&at, &local));
            assert_true(from <= at && at < to);
            if (local.tm_gmtoff != found->offset_seconds || strcmp(local.tm_zone, found->name) != 0) {
                fail_msg("'%s' at %lld: %d %s, libc %ld %s", texts[i], (long long)at, found->offset_seconds,
                         found->name, local.tm_gmtoff, local.tm_zone);
            }
        }
    }
}

TEST(a_span_ends_where_the_next_begins)
{
    struct tz_rule rule = rule_of("EST5EDT,M3.2.0,M11.1.0");
    int64_t from = 0;
    int64_t to = INT64_C(1767225600); /* 2026-01-01 */
    for (int i = 0; i < 200; i++) {
        int64_t at = to;
        const struct tz_local *first = tz_rule_at(&rule, at, &from, &to);
        const struct tz_local *last = tz_rule_at(&rule, to - 1, &from, &to);
        assert_ptr_equal(first, last);
        assert_ptr_not_equal(first, tz_rule_at(&rule, to, &from, &at));
        assert_int_equal(from, to);
    }
}

/* RFC 8536 3.3.1 has such a rule: daylight time ends as that of the next year starts. */
TEST(daylight_time_can_last_all_year)
{
    struct tz_rule rule = rule_of("XXX3EDT4,0/0,J365/23");
    int64_t from = 0;
    int64_t to = 0;
    for (int64_t at = INT64_C(1767225600); at < INT64_C(1861920000); at += 1800) {
        assert_string_equal(tz_rule_at(&rule, at, &from, &to)->name, "EDT");
        assert_true(from <= at && at < to);
    }
}

TEST(a_text_that_is_no_rule_is_quoted)
{
    static const char *const texts[] = {"",
                                        "C",
                                        "CET",
                                        "CE-1",
                                        "CET-25",
                                        "CET-1x",
                                        "CET-1CEST",
                                        "<CET-1",
                                        "<C ET>-1",
                                        "CET-1:60",
                                        "CET-1CEST,M3.5.0",
                                        "CET-1CEST,M13.5.0,M10.5.0",
                                        "CET-1CEST,M3.6.0,M10.5.0",
                                        "CET-1CEST,M3.5.7,M10.5.0",
                                        "CET-1CEST,J0,J5",
                                        "CET-1CEST,J366,J5",
                                        "CET-1CEST,366,5",
                                        "CET-1CEST,1/168,5",
                                        "CET-1CEST,1,5,",
                                        "CET-1CEST,1,5/",
                                        "CET-1CEST,M3.5,M10.5.0",
                                        "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG-1"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct tz_rule rule;
        struct err err = {0};
        char expected[200];
        (void)snprintf(expected, sizeof expected,
                       "time zone rule '%s', expected a POSIX TZ rule such as CET-1CEST,M3.5.0,M10.5.0/3", texts[i]);
        assert_int_equal(tz_rule_parse(str_from(texts[i]), &rule, &err), -1);
        assert_string_equal(err.message, expected);
    }
}

TESTS(RUN(a_rule_says_what_libc_says), RUN(a_span_ends_where_the_next_begins), RUN(daylight_time_can_last_all_year),
      RUN(a_text_that_is_no_rule_is_quoted))
