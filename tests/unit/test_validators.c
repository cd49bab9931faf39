/* SPDX-License-Identifier: Apache-2.0
 * The conditions of requests for files.
 */
#include "http/validators.h"

#include "test.h"

enum { CHANGED_S = 784111777 }; /* Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110 */

static struct http_validators validators_after(int64_t ms)
{
    struct stat file = {.st_size = 17};
    struct http_validators made;
    file.st_mtim = (struct timespec){CHANGED_S, 5};
    file.st_ctim = (struct timespec){CHANGED_S + 10, 120000000};
    http_validators_of(&file, (int64_t)(CHANGED_S + 10) * 1000 + 120 + ms, &made);
    return made;
}

TEST(a_file_has_validators_when_it_has_rested)
{
    struct http_validators rested = validators_after(HTTP_REST_MS);
    assert_string_equal(rested.tag, "\"11-2ebc98ab07270e00\"");
    assert_string_equal(rested.modified, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_string_equal(validators_after(1000000000).tag, rested.tag);
    struct http_validators fresh = validators_after(HTTP_REST_MS - 1);
    assert_string_equal(fresh.tag, "");
    assert_string_equal(fresh.modified, "");
    assert_string_equal(validators_after(-100000).tag, ""); /* a clock that was set back */
}

TEST(a_time_that_is_to_come_or_has_no_year_is_no_date)
{
    static const time_t odd[] = {CHANGED_S + 1000000, INT64_MAX, INT64_MIN / 2000};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct stat file = {.st_ctim = {CHANGED_S, 0}, .st_mtim = {odd[i], 0}};
        struct http_validators made;
        http_validators_of(&file, (int64_t)CHANGED_S * 1000 + 5000, &made);
        assert_string_not_equal(made.tag, "");
        assert_string_equal(made.modified, "");
    }
}

#define TAG "\"11-2ebc98ab07270e00\""
#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER "Sun, 06 Nov 1994 08:49:38 GMT"

TEST(conditions_come_in_the_order_of_rfc_9110)
{
    static const struct {
        const char *match, *unmodified, *none_match, *modified;
        int of_rested, of_fresh;
    } cases[] = {
        {"", "", "", "", 0, 0},
        {"", "", TAG, "", 304, 0},
        {"", "", "W/" TAG, "", 304, 0},
        {"", "", "\"a,b\" , W/\"c\"," TAG, "", 304, 0},
        {"", "", "*", "", 304, 304},
        {"", "", " * ", "", 304, 304},
        {"", "", "\"other\"", "", 0, 0},
        {"", "", "\"\"", "", 0, 0},
        {"", "", "11-2ebc98ab07270e00", "", 0, 0},
        {"", "", TAG "x", "", 304, 0},
        {"", "", "\"11-2ebc98ab07270e00", "", 0, 0},
        {"", "", ",,, ,", "", 0, 0},
        {"", "", "", DATE, 304, 0},
        {"", "", "", BEFORE, 0, 0},
        {"", "", "", AFTER, 0, 0},
        {"", "", "", "yesterday", 0, 0},
        {"", "", "\"other\"", DATE, 0, 0}, /* a tag is the better word */
        {TAG, "", "", "", 0, 412},
        {"\"a\", " TAG, "", "", "", 0, 412},
        {"W/" TAG, "", "", "", 412, 412},
        {"\"other\"", "", "", "", 412, 412},
        {"*", "", "", "", 0, 0},
        {"\"other\"", "", TAG, "", 412, 412},
        {TAG, "", TAG, "", 304, 412},
        {"", DATE, "", "", 0, 0},
        {"", AFTER, "", "", 0, 0},
        {"", BEFORE, "", "", 412, 0},
        {"", "Sun, 06 Nov 1994 08:49:36 UTC", "", "", 0, 0},
        {"", "Sun, 06 Foo 1994 08:49:36 GMT", "", "", 0, 0},
        {"", "Sun, 66 Nov 1994 08:49:36 GMT", "", "", 0, 0},
        {"", "784111776", "", "", 0, 0},
        {TAG, BEFORE, "", "", 0, 412},
    };
    struct http_validators rested = validators_after(HTTP_REST_MS);
    struct http_validators fresh = validators_after(0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_conditions asked = {.if_match = str_from(cases[i].match),
                                        .if_unmodified_since = str_from(cases[i].unmodified),
                                        .if_none_match = str_from(cases[i].none_match),
                                        .if_modified_since = str_from(cases[i].modified)};
        assert_int_equal(http_conditions_judge(&asked, &rested), cases[i].of_rested);
        assert_int_equal(http_conditions_judge(&asked, &fresh), cases[i].of_fresh);
    }
}

TEST(a_range_is_of_the_state_that_the_client_has)
{
    static const struct {
        const char *if_range;
        bool of_rested, of_fresh;
    } cases[] = {
        {"", true, true},       {TAG, true, false},    {DATE, true, false},        {"W/" TAG, false, false},
        {BEFORE, false, false}, {AFTER, false, false}, {"\"other\"", false, false}, {"*", false, false},
        {"\"\"", false, false},
    };
    struct http_validators rested = validators_after(HTTP_REST_MS);
    struct http_validators fresh = validators_after(0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_conditions asked = {.if_range = str_from(cases[i].if_range), .range = STR("bytes=1-2")};
        assert_int_equal(http_conditions_range(&asked, &rested).n > 0, cases[i].of_rested);
        assert_int_equal(http_conditions_range(&asked, &fresh).n > 0, cases[i].of_fresh);
    }
}

TESTS(RUN(a_file_has_validators_when_it_has_rested), RUN(a_time_that_is_to_come_or_has_no_year_is_no_date),
      RUN(conditions_come_in_the_order_of_rfc_9110), RUN(a_range_is_of_the_state_that_the_client_has))
