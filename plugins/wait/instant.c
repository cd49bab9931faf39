/* SPDX-License-Identifier: Apache-2.0 */
#include "instant.h"

#include <stdbool.h>
#include <stddef.h>

struct cursor {
    const char *at;
    bool good;
};

static int64_t digits(struct cursor *cursor, int count)
{
    int64_t value = 0;
    for (int i = 0; i < count && cursor->good; i++) {
        cursor->good = *cursor->at >= '0' && *cursor->at <= '9';
        value = cursor->good ? value * 10 + (*cursor->at++ - '0') : 0;
    }
    return value;
}

static bool passes(struct cursor *cursor, char c)
{
    bool there = cursor->good && *cursor->at == c;
    cursor->at += there ? 1 : 0;
    return there;
}

static void expect(struct cursor *cursor, char c)
{
    cursor->good = passes(cursor, c);
}

static int64_t bounded(struct cursor *cursor, int64_t value, int64_t least, int64_t most)
{
    cursor->good = cursor->good && value >= least && value <= most;
    return value;
}

static int64_t month_days(int64_t year, int64_t month)
{
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 ? (leap ? 29 : 28) : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* Days since 1970-01-01 in the Gregorian calendar: the year starts in March, so that the leap day is its last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = month <= 2 ? month + 9 : month - 3;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static int64_t read_date(struct cursor *cursor)
{
    int64_t year = bounded(cursor, digits(cursor, 4), 1970, 9999);
    expect(cursor, '-');
    int64_t month = bounded(cursor, digits(cursor, 2), 1, 12);
    expect(cursor, '-');
    int64_t day = digits(cursor, 2);
    (void)bounded(cursor, day, 1, month_days(year, month));
    return cursor->good ? days_of(year, month, day) : 0;
}

/* Milliseconds since midnight. */
static int64_t read_time(struct cursor *cursor)
{
    int64_t ms = bounded(cursor, digits(cursor, 2), 0, 23) * 3600000;
    expect(cursor, ':');
    ms += bounded(cursor, digits(cursor, 2), 0, 59) * 60000;
    if (!passes(cursor, ':')) {
        return ms;
    }
    ms += bounded(cursor, digits(cursor, 2), 0, 60) * 1000;
    if (passes(cursor, '.')) {
        ms += digits(cursor, 1) * 100;
        for (int64_t unit = 10; cursor->good && *cursor->at >= '0' && *cursor->at <= '9'; unit /= 10) {
            ms += digits(cursor, 1) * unit;
        }
    }
    return ms;
}

static int64_t read_zone(struct cursor *cursor)
{
    if (passes(cursor, 'Z') || passes(cursor, 'z')) {
        return 0;
    }
    int64_t sign = passes(cursor, '-') ? -1 : 1;
    if (sign == 1) {
        expect(cursor, '+');
    }
    int64_t minutes = bounded(cursor, digits(cursor, 2), 0, 23) * 60;
    expect(cursor, ':');
    return sign * (minutes + bounded(cursor, digits(cursor, 2), 0, 59)) * 60000;
}

int instant_parse(const char *text, const char *what, int64_t *ret_ms, struct fault *fault)
{
    struct cursor cursor = {text, true};
    int64_t ms = read_date(&cursor) * 86400000;
    if (!passes(&cursor, 'T') && !passes(&cursor, 't')) {
        expect(&cursor, ' ');
    }
    ms += read_time(&cursor);
    ms -= read_zone(&cursor);
    if (!cursor.good || *cursor.at != '\0') {
        return fault_set(fault, "%s: '%.60s' is no time: expected one with a zone, such as 2026-03-01T08:00:00Z", what,
                         text);
    }
    *ret_ms = ms;
    return 0;
}
