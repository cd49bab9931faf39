/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parse.h"

#include "test.h"

#include <math.h>

#include <stdio.h>

TEST(integers_are_whole_and_within_their_range)
{
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {
        {"0", 0},
        {"-0", 0},
        {"+7", 7},
        {"007", 7},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t value = 77;
        assert_int_equal(parse_int(str_from(good[i].text), INT64_MIN, INT64_MAX, &value, NULL), 0);
        assert_true(value == good[i].value);
    }
    static const char *const bad[] = {"",
                                      "-",
                                      "+",
                                      "--1",
                                      "1 ",
                                      " 1",
                                      "1.0",
                                      "1e3",
                                      "0x10",
                                      "abc",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999",
                                      "18446744073709551616",
                                      "\xd9\xa1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t value = 77;
        struct err err = {0};
        char expected[100];
        (void)snprintf(expected, sizeof expected, "expected an integer, found '%s'", bad[i]);
        assert_int_equal(parse_int(str_from(bad[i]), INT64_MIN, INT64_MAX, &value, &err), -1);
        assert_string_equal(err.message, expected);
        assert_int_equal(err.code, ERR_INPUT);
        assert_int_equal(value, 77);
    }
    int64_t value = 77;
    struct err err = {0};
    assert_int_equal(parse_int(STR("10"), 0, 10, &value, NULL), 0);
    assert_int_equal(parse_int(STR("11"), 0, 10, &value, &err), -1);
    assert_string_equal(err.message, "expected an integer from 0 to 10, found '11'");
    assert_int_equal(parse_int(STR("-1"), 0, 10, &value, NULL), -1);
    assert_int_equal(value, 10);
    assert_int_equal(parse_int(STR("1\0"), 0, 10, &value, NULL), -1);
}

TEST(real_numbers_are_what_python_reads_as_one)
{
    static const struct {
        const char *text;
        double value;
    } good[] = {{"1.5", 1.5},          {" 1.5", 1.5},           {"1e5\t\n", 100000},     {"inf", INFINITY},
                {"-inf", -INFINITY},   {"+Inf", INFINITY},      {"Infinity", INFINITY},  {"-INFINITY", -INFINITY},
                {"1e400", INFINITY},   {"-1e400", -INFINITY},   {"1e-400", 0},
                {"1.7976931348623159e308", INFINITY}};
    static const char *const none[] = {"nan", "NaN", "NAN", "-nan", "+NaN", " nan "};
    static const char *const bad[] = {"",    " ",    "-",   "in",    "infinit", "infinityy", "nan1", "--inf", "- inf",
                                      "1,5", "0x10", "1_0", "e5",    "1 2",     "true",      "+-1",  "nan(1)"};
    double value = 77;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(parse_real(str_from(good[i].text), &value, NULL), 0);
        assert_true(value == good[i].value);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_int_equal(parse_real(str_from(none[i]), &value, NULL), 0);
        assert_true(isnan(value));
    }
    value = 77;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};
        char expected[100];
        (void)snprintf(expected, sizeof expected, "expected a number, found '%s'", bad[i]);
        assert_int_equal(parse_real(str_from(bad[i]), &value, &err), -1);
        assert_string_equal(err.message, expected);
        assert_true(value == 77);
    }
}

TEST(numbers_are_finite_decimals)
{
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0},  {"-1.5", -1.5}, {"+2", 2},       {".5", .5},
                {"5.", 5}, {"1e3", 1000},  {"1E-3", 0.001}, {"1e-400", 0}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double value = 77;
        assert_int_equal(parse_number(str_from(good[i].text), &value, NULL), 0);
        assert_true(value == good[i].value);
    }
    static const char *const bad[] = {"",      ".",   "e5", "1e", "1e400", "-1e400", "inf",   "nan",  "NaN",
                                      "0x1p3", "1,5", " 1", "1 ", "--1",   "1.2.3",  "1e5e5", "1_000"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double value = 77;
        struct err err = {0};
        char expected[100];
        (void)snprintf(expected, sizeof expected, "expected a number, found '%s'", bad[i]);
        assert_int_equal(parse_number(str_from(bad[i]), &value, &err), -1);
        assert_string_equal(err.message, expected);
        assert_true(value == 77);
    }
    char digits[401];
    memset(digits, '1', sizeof digits);
    double value = 77;
    assert_int_equal(parse_number((struct str){digits, 401}, &value, NULL), -1);
    assert_int_equal(parse_number((struct str){digits, 300}, &value, NULL), 0);
    assert_int_equal(parse_number((struct str){0}, &value, NULL), -1);
    assert_int_equal(parse_number(STR("1\0"), &value, NULL), -1);
}

TEST(only_true_and_false_are_booleans)
{
    bool value = false;
    assert_int_equal(parse_bool(STR("true"), &value, NULL), 0);
    assert_true(value);
    assert_int_equal(parse_bool(STR("false"), &value, NULL), 0);
    assert_false(value);
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"yes", "expected true or false, found 'yes': did you mean true?"},
        {"on", "expected true or false, found 'on': did you mean true?"},
        {"1", "expected true or false, found '1': did you mean true?"},
        {"True", "expected true or false, found 'True': did you mean true?"},
        {"off", "expected true or false, found 'off': did you mean false?"},
        {"0", "expected true or false, found '0': did you mean false?"},
        {"maybe", "expected true or false, found 'maybe'"},
        {"", "expected true or false, found ''"},
        {"true ", "expected true or false, found 'true '"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};
        assert_int_equal(parse_bool(str_from(bad[i].text), &value, &err), -1);
        assert_string_equal(err.message, bad[i].message);
    }
}

TEST(durations_are_counts_with_falling_units)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"500ms", 500},    {"90s", 90000},
        {"15m", 900000},   {"2h", 7200000},
        {"3d", 259200000}, {"1h30m", 5400000},
        {"0s", 0},         {"1d2h3m4s5ms", 93784005},
        {"1m1ms", 60001},  {"1000000000s", 1000000000000},
        {"007s", 7000},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t ms = 77;
        assert_int_equal(parse_duration_ms(str_from(good[i].text), &ms, NULL), 0);
        assert_int_equal(ms, good[i].ms);
    }
    static const char *const bad[] = {
        "",     "5",   "s",  "1.5h", "-1s", "+1s",  "1s1m", "1m1m",           "1h 30m",
        " 1s",  "1s ", "1S", "1w",   "1M",  "1min", "1sec", "1001000000000d", "99999999999999999999s",
        "1h30", "h1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t ms = 77;
        struct err err = {0};
        char expected[160];
        (void)snprintf(expected, sizeof expected,
                       "expected a duration like 500ms, 90s, 15m, 2h, 3d or 1h30m, found '%s'", bad[i]);
        assert_int_equal(parse_duration_ms(str_from(bad[i]), &ms, &err), -1);
        assert_true(str_starts(str_from(err.message), str_from(expected)));
        assert_int_equal(ms, 77);
    }
    int64_t ms = 77;
    assert_int_equal(parse_duration_ms((struct str){0}, &ms, NULL), -1);
}

TEST(sizes_are_powers_of_1024)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {
        {"0", 0},
        {"1024", 1024},
        {"1K", 1024},
        {"512M", 536870912},
        {"8G", 8589934592},
        {"1T", 1099511627776},
        {"1.5G", 1610612736},
        {"8GB", 8589934592},
        {"8GiB", 8589934592},
        {"100B", 100},
        {"0.5K", 512},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t bytes = 77;
        assert_int_equal(parse_size_bytes(str_from(good[i].text), &bytes, NULL), 0);
        assert_int_equal(bytes, good[i].bytes);
    }
    static const char *const bad[] = {"",     "G",  "B",   "iB",       "GB",   "-1G", "8g", "8 G",
                                      "8GBB", "8P", "8iG", "9000000T", "infG", "5iB", "1KK"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t bytes = 77;
        struct err err = {0};
        char expected[160];
        (void)snprintf(expected, sizeof expected, "expected a size like 512M, 8G or 1024, found '%s'", bad[i]);
        if (parse_size_bytes(str_from(bad[i]), &bytes, &err) == 0) {
            fail_msg("'%s' was read as a size", bad[i]);
        }
        assert_true(str_starts(str_from(err.message), str_from(expected)));
        assert_int_equal(bytes, 77);
    }
    int64_t bytes = 77;
    assert_int_equal(parse_size_bytes((struct str){0}, &bytes, NULL), -1);
}

TEST(what_cannot_be_read_says_what_was_probably_meant)
{
    int64_t number = 77;
    struct err err = {0};
    assert_int_equal(parse_duration_ms(STR("1.5h"), &number, &err), -1);
    assert_string_equal(err.message, "expected a duration like 500ms, 90s, 15m, 2h, 3d or 1h30m, found '1.5h': "
                                     "did you mean '1h30m'?");
    err_clear(&err);
    assert_int_equal(parse_size_bytes(STR("8Gi"), &number, &err), -1);
    assert_string_equal(err.message, "expected a size like 512M, 8G or 1024, found '8Gi': did you mean '8G'?");
    assert_int_equal(number, 77);
}

TEST(where_much_is_meant_a_few_bytes_want_their_unit)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {{"0", 0}, {"8B", 8}, {"8G", 8589934592}, {"65536", 65536}, {"1K", 1024}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t bytes = 77;
        assert_int_equal(parse_size_of_much(str_from(good[i].text), &bytes, NULL), 0);
        assert_int_equal(bytes, good[i].bytes);
    }
    static const char *const bad[][2] = {{"8", "8G"}, {"512", "512M"}, {"1.5", "1.5G"}, {"65535", "65535M"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t bytes = 77;
        struct err err = {0};
        char expected[160];
        (void)snprintf(expected, sizeof expected, "expected a size with its unit, found '%s': did you mean '%s'?",
                       bad[i][0], bad[i][1]);
        assert_int_equal(parse_size_of_much(str_from(bad[i][0]), &bytes, &err), -1);
        assert_string_equal(err.message, expected);
        assert_int_equal(bytes, 77);
    }
}

TEST(times_are_rfc_3339)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-24T10:15:00Z", 1795515300000},
        {"2026-11-24T10:15:00.123Z", 1795515300123},
        {"2026-11-24T10:15:00.1239999999Z", 1795515300123},
        {"2026-11-24T10:15:00.5Z", 1795515300500},
        {"2026-11-24T12:15:00+02:00", 1795515300000},
        {"2026-11-24T04:45:00-05:30", 1795515300000},
        {"2026-11-24t10:15:00z", 1795515300000},
        {"2026-11-24 10:15:00Z", 1795515300000},
        {"1969-12-31T23:59:59.999Z", -1},
        {"2024-02-29T00:00:00Z", 1709164800000},
        {"0001-01-01T00:00:00Z", -62135596800000},
        {"9999-12-31T23:59:59Z", 253402300799000},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t ms = 77;
        assert_int_equal(parse_time(str_from(good[i].text), &ms, NULL), 0);
        assert_int_equal(ms, good[i].ms);
    }
    static const char *const bad[] = {
        "", "2026-11-24", "2026-11-24T10:15Z", "2026-11-24T10:15:00", "2026-11-24T10:15:00.Z", "2026-02-29T00:00:00Z",
        "2026-11-31T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z",
        "2026-1-1T00:00:00Z", "26-01-01T00:00:00Z", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00+01", "2026-01-01T00:00:00Z ", "-026-01-01T00:00:00Z", "2026-+1-01T00:00:00Z",
        "2026-01-01T00:00:00+01:60", "2026-01-01T00:00:00 +01:00", "yesterday",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t ms = 77;
        struct err err = {0};
        char expected[160];
        (void)snprintf(expected, sizeof expected, "expected a time like 2026-11-24T10:15:00Z, found '%s'", bad[i]);
        assert_int_equal(parse_time(str_from(bad[i]), &ms, &err), -1);
        assert_string_equal(err.message, expected);
        assert_int_equal(ms, 77);
    }
    int64_t ms = 77;
    assert_int_equal(parse_time((struct str){0}, &ms, NULL), -1);
}

TEST(a_time_that_is_formatted_reads_back_the_same)
{
    static const int64_t times[] = {0,        -1, 1, 999, 1000, -1000, -62135596800000, 253402300799999, 1795515300123,
                                    -86400001};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        char text[25];
        int64_t ms = 77;
        format_time(text, sizeof text, times[i]);
        assert_int_equal(strlen(text), 24);
        assert_int_equal(parse_time(str_from(text), &ms, NULL), 0);
        assert_int_equal(ms, times[i]);
    }
    char text[25];
    format_time(text, sizeof text, 1795515300123);
    assert_string_equal(text, "2026-11-24T10:15:00.123Z");
}

TEST(durations_for_people_have_at_most_two_units)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "0 ms"},           {310, "310 ms"},   {999, "999 ms"},      {1000, "1 s"},        {2400, "2.4 s"},
        {59000, "59 s"},       {59940, "59.9 s"}, {59999, "59.9 s"},    {1999, "1.9 s"},      {1020, "1.0 s"},
        {60000, "1m"},         {61000, "1m 1s"},  {3599999, "59m 59s"}, {3600000, "1h"},      {5400000, "1h 30m"},
        {86399999, "23h 59m"}, {86400000, "1d"},  {97200000, "1d 3h"},  {8640000000, "100d"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[40];
        format_duration(text, sizeof text, cases[i].ms);
        assert_string_equal(text, cases[i].text);
    }
}

TEST(sizes_for_people_are_short)
{
    static const struct {
        int64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KB"},
        {1536, "1.5 KB"},
        {524288, "512 KB"},
        {3435973837, "3.2 GB"},
        {1048575, "1.0 MB"},
        {102350, "100 KB"},
        {1099511627776, "1.0 TB"},
        {INT64_MAX, "8388608 TB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[40];
        format_size(text, sizeof text, cases[i].bytes);
        assert_string_equal(text, cases[i].text);
    }
}

TESTS(RUN(integers_are_whole_and_within_their_range), RUN(real_numbers_are_what_python_reads_as_one),
      RUN(numbers_are_finite_decimals),
      RUN(only_true_and_false_are_booleans), RUN(durations_are_counts_with_falling_units),
      RUN(sizes_are_powers_of_1024), RUN(what_cannot_be_read_says_what_was_probably_meant),
      RUN(where_much_is_meant_a_few_bytes_want_their_unit), RUN(times_are_rfc_3339),
      RUN(a_time_that_is_formatted_reads_back_the_same),
      RUN(durations_for_people_have_at_most_two_units), RUN(sizes_for_people_are_short))
