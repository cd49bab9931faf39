/* SPDX-License-Identifier: Apache-2.0 */
#include "time/civil.h"

/* From 0001-01-01 to 1970-01-01. */
enum { EPOCH_DAYS = 719162, CYCLE_DAYS = 146097, CYCLE_YEARS = 400, EPOCH_WEEKDAY = 4 };

int64_t civil_floor(int64_t value, int64_t divisor)
{
    int64_t quotient = value / divisor;
    return value % divisor < 0 ? quotient - 1 : quotient;
}

bool civil_is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int civil_month_days(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && civil_is_leap(year) ? 29 : days[month - 1];
}

/* The day number of January the first. */
static int64_t year_start(int64_t year)
{
    int64_t before = year - 1;
    return before * 365 + civil_floor(before, 4) - civil_floor(before, 100) + civil_floor(before, 400) - EPOCH_DAYS;
}

int64_t civil_to_day(struct civil date)
{
    int64_t day = year_start(date.year) + date.day - 1;
    for (int month = 1; month < date.month; month++) {
        day += civil_month_days(date.year, month);
    }
    return day;
}

struct civil civil_from_day(int64_t day)
{
    /* By the mean year's length: never too late, as leap days are at most 0.72 days ahead of it in the 400 years. */
    struct civil date = {civil_floor((day + EPOCH_DAYS) * CYCLE_YEARS, CYCLE_DAYS) + 1, 1, 1};
    while (year_start(date.year + 1) <= day) {
        date.year++;
    }
    int64_t left = day - year_start(date.year);
    while (left >= civil_month_days(date.year, date.month)) {
        left -= civil_month_days(date.year, date.month);
        date.month++;
    }
    date.day = (int)left + 1;
    return date;
}

int civil_weekday(int64_t day)
{
    int64_t weekday = (day + EPOCH_WEEKDAY) % 7;
    return (int)(weekday < 0 ? weekday + 7 : weekday);
}
