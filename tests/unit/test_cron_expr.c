/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"
#include "time/cron_expr.h"

#include <stdio.h>

static uint64_t bits(const char *list)
{
    uint64_t set = 0;
    for (char *rest = NULL; *list != '\0'; list = rest) {
        set |= (uint64_t)1 << strtoul(list, &rest, 10);
    }
    return set;
}

static struct cron_expr expr_of(const char *text)
{
    struct cron_expr expr;
    struct err err = {0};
    if (cron_expr_parse(str_from(text), &expr, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return expr;
}

TEST(a_field_is_the_set_of_its_values)
{
    static const struct {
        const char *cron;
        enum cron_field field;
        const char *values;
    } cases[] = {
        {"5 * * * *", CRON_MINUTE, "5"},
        {"05 * * * *", CRON_MINUTE, "5"},
        {"1,3,2 * * * *", CRON_MINUTE, "1 2 3"},
        {"1-4 * * * *", CRON_MINUTE, "1 2 3 4"},
        {"*/20 * * * *", CRON_MINUTE, "0 20 40"},
        {"10-30/10,59 * * * *", CRON_MINUTE, "10 20 30 59"},
        {"* */23 * * *", CRON_HOUR, "0 23"},
        {"* 20-23,0-2 * * *", CRON_HOUR, "0 1 2 20 21 22 23"},
        {"* * */10 * *", CRON_DAY, "1 11 21 31"},
        {"* * * JAN,mar-May *", CRON_MONTH, "1 3 4 5"},
        {"* * * */6 *", CRON_MONTH, "1 7"},
        {"* * * * 7", CRON_WEEKDAY, "0"},
        {"* * * * 0", CRON_WEEKDAY, "0"},
        {"* * * * 5-7", CRON_WEEKDAY, "0 5 6"},
        {"* * * * 0-7", CRON_WEEKDAY, "0 1 2 3 4 5 6"},
        {"* * * * *", CRON_WEEKDAY, "0 1 2 3 4 5 6"},
        {"* * * * */2", CRON_WEEKDAY, "0 2 4 6"},
        {"* * * * Sat-Sun", CRON_WEEKDAY, "0 6"},
        {"* * * * mon-sun", CRON_WEEKDAY, "0 1 2 3 4 5 6"},
        {"* * * * sun-tue", CRON_WEEKDAY, "0 1 2"},
        {"* * * * mon-fri/2", CRON_WEEKDAY, "1 3 5"},
        {" \t7  *\t* * * ", CRON_MINUTE, "7"},
        {"@hourly", CRON_MINUTE, "0"},
        {"@DAILY", CRON_HOUR, "0"},
        {"@weekly", CRON_WEEKDAY, "0"},
        {"@monthly", CRON_DAY, "1"},
        {"@yearly", CRON_MONTH, "1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cron_expr expr = expr_of(cases[i].cron);
        if (expr.sets[cases[i].field] != bits(cases[i].values)) {
            fail_msg("'%s': set 0x%llx, expected %s", cases[i].cron, (unsigned long long)expr.sets[cases[i].field],
                     cases[i].values);
        }
    }
}

TEST(a_field_counts_as_unrestricted_when_it_starts_with_a_star)
{
    struct cron_expr expr = expr_of("*/5 1 */2 jan *,1");
    const bool expected[] = {true, false, true, false, true};
    assert_memory_equal(expr.stars, expected, sizeof expected);
}

TEST(a_wrong_expression_is_quoted_with_what_was_expected)
{
    static const struct {
        const char *cron;
        const char *message;
    } cases[] = {
        {"61 * * * *", "cron \"61 * * * *\": minute 61 is not 0-59"},
        {"60 * * * *", "cron \"60 * * * *\": minute 60 is not 0-59"},
        {"* 24 * * *", "cron \"* 24 * * *\": hour 24 is not 0-23"},
        {"* * 0 * *", "cron \"* * 0 * *\": day of month 0 is not 1-31"},
        {"* * 32 * *", "cron \"* * 32 * *\": day of month 32 is not 1-31"},
        {"* * * 13 *", "cron \"* * * 13 *\": month 13 is not 1-12 or jan-dec"},
        {"* * * janu *", "cron \"* * * janu *\": month janu is not 1-12 or jan-dec"},
        {"* * * * 8", "cron \"* * * * 8\": day of week 8 is not 0-7 or sun-sat"},
        {"* * * mon *", "cron \"* * * mon *\": month mon is not 1-12 or jan-dec"},
        {"-1 * * * *", "cron \"-1 * * * *\": minute has an empty part, expected 0-59"},
        {"+1 * * * *", "cron \"+1 * * * *\": minute +1 is not 0-59"},
        {"1.5 * * * *", "cron \"1.5 * * * *\": minute 1.5 is not 0-59"},
        {"4294967301 * * * *", "cron \"4294967301 * * * *\": minute 4294967301 is not 0-59"},
        {"1,,2 * * * *", "cron \"1,,2 * * * *\": minute has an empty part, expected 0-59"},
        {"1, * * * *", "cron \"1, * * * *\": minute has an empty part, expected 0-59"},
        {"** * * * *", "cron \"** * * * *\": minute ** is not 0-59"},
        {"*-5 * * * *", "cron \"*-5 * * * *\": minute * is not 0-59"},
        {"5-1 * * * *", "cron \"5-1 * * * *\": minute range 5-1 runs backwards, expected the smaller first"},
        {"* * * * fri-mon",
         "cron \"* * * * fri-mon\": day of week range fri-mon runs backwards, expected the smaller first"},
        {"1-2-3 * * * *", "cron \"1-2-3 * * * *\": minute 2-3 is not 0-59"},
        {"*/0 * * * *", "cron \"*/0 * * * *\": minute step '0' is not 1-59"},
        {"*/60 * * * *", "cron \"*/60 * * * *\": minute step '60' is not 1-59"},
        {"*/ * * * *", "cron \"*/ * * * *\": minute step '' is not 1-59"},
        {"*/2/3 * * * *", "cron \"*/2/3 * * * *\": minute step '2/3' is not 1-59"},
        {"5/15 * * * *", "cron \"5/15 * * * *\": minute step '/15' needs a range, expected such as 5-59/15"},
        {"0 0 ? * 1", "cron \"0 0 ? * 1\": day of month '?' is of another dialect, expected '*' or 1-31"},
        {"0 0 L * *", "cron \"0 0 L * *\": day of month L is not 1-31"},
        {"", "cron \"\": 0 fields, expected 5: minute, hour, day of month, month, day of week"},
        {"5", "cron \"5\": 1 field, expected 5: minute, hour, day of month, month, day of week"},
        {"0 0 0 * * *", "cron \"0 0 0 * * *\": 6 fields, expected 5: minute, hour, day of month, month, day of week"},
        {"@dialy", "cron \"@dialy\": there is no such nickname, did you mean '@daily'"},
        {"@reboot", "cron \"@reboot\": expected five fields, or @yearly, @monthly, @weekly, @daily or @hourly"},
        {"@every 5m", "cron \"@every 5m\": '@every' is of another dialect, expected five fields such as */15 * * * *"},
        {"TZ=UTC 0 0 * * *", "cron \"TZ=UTC 0 0 * * *\": expected the zone under 'timezone', not here"},
        {"0 0 * *\n*", "cron expression with the control character 0x0a, expected one line of text"},
        {"0 0 30 2 *", "cron \"0 0 30 2 *\": never fires, none of its months has such a day"},
        {"0 0 31 4,6,9,11 *", "cron \"0 0 31 4,6,9,11 *\": never fires, none of its months has such a day"},
        {"0 0 30 2 */2", "cron \"0 0 30 2 */2\": never fires, none of its months has such a day"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cron_expr expr;
        struct err err = {0};
        assert_int_equal(cron_expr_parse(str_from(cases[i].cron), &expr, &err), -1);
        assert_string_equal(err.message, cases[i].message);
        assert_int_equal(err.code, ERR_INPUT);
    }
}

TEST(a_text_of_any_length_gets_a_short_answer)
{
    static char text[5000];
    struct cron_expr expr;
    struct err err = {0};
    memset(text, '1', sizeof text);
    assert_int_equal(cron_expr_parse((struct str){text, sizeof text}, &expr, &err), -1);
    assert_string_equal(err.message, "cron expression of 5000 bytes, expected at most 256");
    assert_int_equal(cron_expr_parse((struct str){NULL, 0}, &expr, NULL), -1);
}

TEST(the_thirtieth_of_february_is_fine_where_a_weekday_will_do)
{
    (void)expr_of("0 0 30 2 1");
    (void)expr_of("0 0 29 2 *");
}

TEST(a_doubtful_expression_says_what_it_really_does)
{
    static const struct {
        const char *cron;
        const char *warning;
    } cases[] = {
        {"*/23 * * * *", "*/23 does not run every 23 minutes: it starts again with each hour, and runs at 0, 23, 46"},
        {"*/7 * * * *",
         "*/7 does not run every 7 minutes: it starts again with each hour, and runs at 0, 7, 14, ... 56"},
        {"0 */23 * * *", "*/23 does not run every 23 hours: it starts again with each day, and runs at 0, 23"},
        {"0 0 */2 * *", "*/2 does not run every 2 days: it starts again with each month, and runs at 1, 3, 5, ... 31"},
        {"0 0 13 * 5", "day of month and day of week are both given: it runs on days that match either of them"},
        {"0 0 1-31 * 5",
         "day of month and day of week are both given: it runs on days that match either of them, so on every day"},
        {"0 0 1-7 * */7",
         "day of month and day of week are both given, one with '*/': it runs on days that match both"},
        {"* 2 * * *", "it runs 60 times, in every minute of the hour 2; for once put 0 first"},
        {"0 0 31 * *", "it runs only in months that have a day 31"},
        {"0 0 30 * *", "it runs only in months that have a day 30"},
        {"0 0 29 2 *", "it runs in leap years only"},
        {"*/15 */6 * */3 *", ""},
        {"0 2 * * 1-5", ""},
        {"0 0 31 1,12 *", ""},
        {"0 0 28 * *", ""},
        {"0 0 1,31 * *", ""},
        {"* 9-17 * * *", ""},
        {"@weekly", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cron_expr expr = expr_of(cases[i].cron);
        char room[256] = "left from before";
        assert_int_equal(cron_expr_warning(&expr, room, sizeof room), cases[i].warning[0] != '\0');
        assert_string_equal(room, cases[i].warning);
        char small[8];
        (void)cron_expr_warning(&expr, small, sizeof small);
        assert_true(strlen(small) < sizeof small);
    }
}

TESTS(RUN(a_field_is_the_set_of_its_values), RUN(a_field_counts_as_unrestricted_when_it_starts_with_a_star),
      RUN(a_wrong_expression_is_quoted_with_what_was_expected), RUN(a_text_of_any_length_gets_a_short_answer),
      RUN(the_thirtieth_of_february_is_fine_where_a_weekday_will_do),
      RUN(a_doubtful_expression_says_what_it_really_does))
