/* SPDX-License-Identifier: Apache-2.0
 * Calendar dates (proleptic Gregorian) as day numbers, and back. Day 0 is 1970-01-01.
 *
 * Pure arithmetic, without zones; good for years -1,000,000 to 1,000,000.
 */
#ifndef SLUICE_TIME_CIVIL_H
#define SLUICE_TIME_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

enum { CIVIL_DAY_SECONDS = 86400 };

struct civil {
    int64_t year;
    int month; /* 1-12 */
    int day;   /* 1-31 */
};

bool civil_is_leap(int64_t year);
/* 28-31; `month` is 1-12. */
int civil_month_days(int64_t year, int month);
/* The day number of a date that exists. */
int64_t civil_to_day(struct civil date);
struct civil civil_from_day(int64_t day);
/* 0 (Sunday) to 6. */
int civil_weekday(int64_t day);
/* The quotient rounded towards minus infinity; `divisor` is positive. */
int64_t civil_floor(int64_t value, int64_t divisor);

#endif
