/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"
#include "time/civil.h"

#include <time.h>

TEST(a_day_number_and_its_date_are_as_libc_has_them)
{
    for (int64_t day = -800000; day < 3000000; day += 17) {
        time_t at = (time_t)(day * CIVIL_DAY_SECONDS);
        struct tm date;
        assert_non_null(gmtime_r(&at, &date));
        struct civil civil = civil_from_day(day);
        assert_int_equal(civil.year, date.tm_year + 1900);
        assert_int_equal(civil.month, date.tm_mon + 1);
        assert_int_equal(civil.day, date.tm_mday);
        assert_int_equal(civil_weekday(day), date.tm_wday);
        assert_int_equal(civil_to_day(civil), day);
    }
}

TEST(each_day_follows_the_one_before)
{
    struct civil date = {1896, 1, 1};
    for (int64_t day = civil_to_day(date); date.year < 2405; day++) {
        struct civil found = civil_from_day(day);
        assert_true(found.year == date.year && found.month == date.month && found.day == date.day);
        date.day++;
        if (date.day > civil_month_days(date.year, date.month)) {
            date =
                date.month == 12 ? (struct civil){date.year + 1, 1, 1} : (struct civil){date.year, date.month + 1, 1};
        }
    }
}

TEST(division_rounds_down)
{
    assert_int_equal(civil_floor(7, 2), 3);
    assert_int_equal(civil_floor(-7, 2), -4);
    assert_int_equal(civil_floor(-8, 2), -4);
    assert_int_equal(civil_floor(0, 2), 0);
}

TESTS(RUN(a_day_number_and_its_date_are_as_libc_has_them), RUN(each_day_follows_the_one_before),
      RUN(division_rounds_down))
