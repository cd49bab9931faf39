/* SPDX-License-Identifier: Apache-2.0
 * Expressions that say something else than most people who write them mean.
 */
#include "time/cron_expr.h"

#include <stdio.h>

enum { LIST_MAX = 4, WEEK = 7 };

/* How many values a field has (0: it depends), and what a step starts again with. */
static const struct {
    unsigned count;
    const char *name;
    const char *whole;
} cycles[CRON_FIELDS] = {
    [CRON_MINUTE] = {60, "minutes", "hour"}, [CRON_HOUR] = {24, "hours", "day"},
    [CRON_DAY] = {0, "days", "month"},       [CRON_MONTH] = {12, "months", "year"},
    [CRON_WEEKDAY] = {WEEK, "weekdays", "week"},
};

static unsigned members(uint64_t set)
{
    return (unsigned)__builtin_popcountll(set);
}

static unsigned lowest(uint64_t set)
{
    return (unsigned)__builtin_ctzll(set);
}

/* "0, 23" or "0, 7, 14, ... 56". */
static void list_set(uint64_t set, char *room, size_t size)
{
    unsigned count = members(set);
    size_t used = 0;
    for (unsigned i = 0; set != 0; i++, set &= set - 1) {
        if (count > LIST_MAX && i >= LIST_MAX - 1 && i + 1 < count) {
            continue;
        }
        const char *between = i == 0 ? "" : count > LIST_MAX && i + 1 == count ? ", ... " : ", ";
        int wrote = snprintf(room + used, size - used, "%s%u", between, lowest(set));
        used += wrote > 0 && (size_t)wrote < size - used ? (size_t)wrote : 0;
    }
}

/* A step that does not divide its field: the last stretch before it starts again is shorter. */
static bool warn_step(const struct cron_expr *expr, char *room, size_t size)
{
    for (size_t i = 0; i < CRON_FIELDS; i++) {
        unsigned step = expr->steps[i];
        if (step < 2 || (cycles[i].count > 0 && cycles[i].count % step == 0)) {
            continue;
        }
        char values[64] = "";
        list_set(expr->sets[i], values, sizeof values);
        (void)snprintf(room, size, "*/%u does not run every %u %s: it starts again with each %s, and runs at %s", step,
                       step, cycles[i].name, cycles[i].whole, values);
        return true;
    }
    return false;
}

static bool warn_days(const struct cron_expr *expr, char *room, size_t size)
{
    uint64_t all_days = (((uint64_t)1 << 31) - 1) << 1;
    bool day = expr->sets[CRON_DAY] != all_days;
    bool weekday = expr->sets[CRON_WEEKDAY] != ((uint64_t)1 << WEEK) - 1;
    bool either = !expr->stars[CRON_DAY] && !expr->stars[CRON_WEEKDAY];
    if (either) {
        (void)snprintf(room, size,
                       "day of month and day of week are both given: it runs on days that match either of them%s",
                       day && weekday ? "" : ", so on every day");
        return true;
    }
    if (day && weekday) {
        (void)snprintf(room, size,
                       "day of month and day of week are both given, one with '*/': it runs on days that match both");
        return true;
    }
    if (day && lowest(expr->sets[CRON_DAY]) > 28) {
        bool february = expr->sets[CRON_MONTH] == 1U << 2;
        (void)snprintf(room, size,
                       february ? "it runs in leap years only" : "it runs only in months that have a day %u",
                       lowest(expr->sets[CRON_DAY]));
        /* A month list where each has the day is what was meant. */
        uint64_t short_months = lowest(expr->sets[CRON_DAY]) == 31 ? 0xa54U : 1U << 2;
        return (expr->sets[CRON_MONTH] & short_months) != 0;
    }
    return false;
}

bool cron_expr_warning(const struct cron_expr *expr, char *room, size_t size)
{
    bool every_minute = members(expr->sets[CRON_MINUTE]) == 60;
    if (warn_step(expr, room, size) || warn_days(expr, room, size)) {
        return true;
    }
    if (every_minute && members(expr->sets[CRON_HOUR]) == 1) {
        (void)snprintf(room, size, "it runs 60 times, in every minute of the hour %u; for once put 0 first",
                       lowest(expr->sets[CRON_HOUR]));
        return true;
    }
    (void)snprintf(room, size, "%s", "");
    return false;
}
