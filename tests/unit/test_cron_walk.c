/* SPDX-License-Identifier: Apache-2.0
 * Next firings against a walk through every minute of ten years in thirty-two zones, and of ten years beyond the last
 * transition that zone files hold.
 *
 * The walk shares nothing with what it checks: libc says what the clock on the wall shows (localtime_r with TZ set),
 * and the expressions are written out a second time, as lists of numbers and as a question about a date.
 */
#include "test.h"
#include "time/cron_expr.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

static bool any_day(const struct tm *date)
{
    return date->tm_mday > 0;
}
static bool thirteenth_or_friday(const struct tm *date)
{
    return date->tm_mday == 13 || date->tm_wday == 5;
}
static bool first_of_quarter(const struct tm *date)
{
    return date->tm_mday == 1 && date->tm_mon % 3 == 0;
}
static bool workday_in_spring_or_autumn(const struct tm *date)
{
    bool month = (date->tm_mon >= 1 && date->tm_mon <= 4) || (date->tm_mon >= 8 && date->tm_mon <= 10);
    return month && date->tm_wday >= 1 && date->tm_wday <= 5;
}
static bool odd_sunday(const struct tm *date)
{
    return date->tm_mday % 2 == 1 && date->tm_wday == 0;
}
static bool saturday_or_sunday(const struct tm *date)
{
    return date->tm_wday == 6 || date->tm_wday == 0;
}
static bool end_of_february_or_december(const struct tm *date)
{
    return (date->tm_mon == 1 && date->tm_mday == 29) || (date->tm_mon == 11 && date->tm_mday >= 29);
}

#define EVERY_HOUR "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23"

static const struct example {
    const char *cron;
    const char *minutes;
    const char *hours;
    bool (*day)(const struct tm *date);
    bool by_time; /* the hour field starts with a star */
} examples[] = {
    {"30 2 * * *", "30", "2", any_day, false},
    {"*/20 0-3,23 13 * 5", "0 20 40", "0 1 2 3 23", thirteenth_or_friday, false},
    {"0 * * * *", "0", EVERY_HOUR, any_day, true},
    {"15,45 */2 * * sat-sun", "15 45", "0 2 4 6 8 10 12 14 16 18 20 22", saturday_or_sunday, true},
    {"0,59 0,23 * * *", "0 59", "0 23", any_day, false},
    {"5-50/15 1 1 */3 *", "5 20 35 50", "1", first_of_quarter, false},
    {"*/17 * */2 * sun", "0 17 34 51", EVERY_HOUR, odd_sunday, true},
    {"7 0-23/3 * feb-may,SEP-nov 1-5", "7", "0 3 6 9 12 15 18 21", workday_in_spring_or_autumn, false},
    {"0 1-4 * * *", "0", "1 2 3 4", any_day, false},
    {"30 12 29-31 2,12 *", "30", "12", end_of_february_or_december, false},
    {"*/30 2 * * *", "0 30", "2", any_day, false},
    {"@midnight", "0", "0", any_day, false},
};
enum { EXAMPLES = sizeof examples / sizeof examples[0] };

static const char *const zones[] = {
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Asia/Tehran",
    "Asia/Gaza",
    "Asia/Amman",
    "Asia/Beirut",
    "America/St_Johns",
    "Pacific/Chatham",
    "Asia/Kathmandu",
    "America/Caracas",
    "Asia/Pyongyang",
    "Europe/Istanbul",
    "Europe/Moscow",
    "Asia/Kolkata",
    "Africa/Cairo",
    "America/Havana",
    "America/Asuncion",
    "America/Santiago",
    "Antarctica/Troll",
    "Antarctica/Casey",
    "Europe/Dublin",
    "Europe/London",
    "America/Scoresbysund",
    "Pacific/Fiji",
    "Atlantic/Azores",
    "America/Port-au-Prince",
    "Asia/Ulaanbaatar",
};
enum { ZONES = sizeof zones / sizeof zones[0] };

/* An expression on its way through the minutes. */
struct walker {
    const struct example *example;
    struct cron_expr expr;
    bool minutes[60];
    bool hours[24];
    bool today;
    int64_t expected; /* what cron_expr_next said, in seconds */
    long firings;
};

static void read_list(const char *list, bool *values)
{
    for (char *rest = NULL; *list != '\0'; list = rest) {
        values[strtoul(list, &rest, 10)] = true;
    }
}

static void ask_next(struct walker *walker, const struct tzif *zone, int64_t after)
{
    int64_t next_ms = 0;
    struct err err = {0};
    if (cron_expr_next(&walker->expr, zone, after * 1000, &next_ms, &err) < 0) {
        fail_msg("%s", err.message);
    }
    walker->expected = next_ms / 1000;
}

static void start_walker(struct walker *walker, const struct example *example, const struct tzif *zone, int64_t from)
{
    *walker = (struct walker){.example = example};
    assert_int_equal(cron_expr_parse(str_from(example->cron), &walker->expr, NULL), 0);
    read_list(example->minutes, walker->minutes);
    read_list(example->hours, walker->hours);
    ask_next(walker, zone, from - 1);
}

static void check_minute(struct walker *walker, const struct tzif *zone, int64_t at, bool fires)
{
    if (fires != (walker->expected == at)) {
        fail_msg("%.*s, '%s': %s at %lld, said next is %lld", STR_ARG(tzif_name(zone)), walker->example->cron,
                 fires ? "fires" : "does not fire", (long long)at, (long long)walker->expected);
    }
    if (fires) {
        walker->firings++;
        ask_next(walker, zone, at);
    }
}

static int64_t libc_offset(int64_t at)
{
    struct tm local;
    time_t t = (time_t)at;
    assert_non_null(localtime_r(&t, &local));
    return (int64_t)local.tm_gmtoff;
}

struct walk {
    const struct tzif *zone;
    struct walker walkers[EXAMPLES];
    int64_t mark;  /* the furthest that the wall clock has come */
    int64_t today; /* the day number `walkers[].today` are of */
};

static void set_today(struct walk *walk, int64_t local)
{
    struct tm date;
    time_t t = (time_t)local;
    walk->today = local / DAY;
    assert_non_null(gmtime_r(&t, &date));
    for (size_t i = 0; i < EXAMPLES; i++) {
        walk->walkers[i].today = walk->walkers[i].example->day(&date);
    }
}

static bool matches(const struct walker *walker, int64_t local)
{
    return walker->today && walker->hours[local % DAY / HOUR] && walker->minutes[local % HOUR / MINUTE];
}

/* The minutes of the wall clock that an instant is answerable for are those since the furthest it has shown. */
static void walk_over_jump(struct walk *walk, int64_t at, int64_t local)
{
    bool fires[EXAMPLES] = {false};
    for (int64_t skipped = walk->mark + MINUTE; skipped <= local; skipped += MINUTE) {
        bool date_was = skipped / DAY == local / DAY || skipped / DAY == walk->mark / DAY;
        set_today(walk, skipped);
        for (size_t i = 0; date_was && i < EXAMPLES; i++) {
            fires[i] = fires[i] || matches(&walk->walkers[i], skipped);
        }
    }
    set_today(walk, local);
    for (size_t i = 0; i < EXAMPLES; i++) {
        struct walker *walker = &walk->walkers[i];
        check_minute(walker, walk->zone, at, walker->example->by_time ? matches(walker, local) : fires[i]);
    }
}

static void walk_minute(struct walk *walk, int64_t at, int64_t local)
{
    if (local / DAY != walk->today) {
        set_today(walk, local);
    }
    if (local > walk->mark + MINUTE) {
        walk_over_jump(walk, at, local);
    } else {
        for (size_t i = 0; i < EXAMPLES; i++) {
            struct walker *walker = &walk->walkers[i];
            check_minute(walker, walk->zone, at,
                         (walker->example->by_time || local > walk->mark) && matches(walker, local));
        }
    }
    walk->mark = local > walk->mark ? local : walk->mark;
}

/* From any instant between two firings the next is the same. */
static void ask_again(struct walk *walk, int64_t at)
{
    for (size_t i = 0; i < EXAMPLES; i++) {
        int64_t expected = walk->walkers[i].expected;
        ask_next(&walk->walkers[i], walk->zone, at);
        assert_int_equal(walk->walkers[i].expected, expected);
    }
}

/* No zone changes its clocks twice within an hour: libc is asked each minute only of the hours whose ends differ. */
static void walk_hour(struct walk *walk, int64_t at)
{
    int64_t offset = libc_offset(at);
    bool changes = libc_offset(at + HOUR) != offset;
    for (int64_t minute = at; minute < at + HOUR; minute += MINUTE) {
        walk_minute(walk, minute, minute + (changes ? libc_offset(minute) : offset));
        if (changes) {
            ask_again(walk, minute);
        }
    }
}

static long walk_zone(size_t zone_index, int64_t from, int64_t to)
{
    struct arena *arena = arena_new();
    struct walk walk = {0};
    assert_int_equal(tzif_load(str_from(zones[zone_index]), arena, &walk.zone, NULL), 0);
    assert_int_equal(setenv("TZ", zones[zone_index], 1), 0);
    tzset();
    walk.mark = from - MINUTE + libc_offset(from - MINUTE);
    for (size_t i = 0; i < EXAMPLES; i++) {
        start_walker(&walk.walkers[i], &examples[i], walk.zone, from);
    }
    for (int64_t at = from; at < to; at += HOUR) {
        walk_hour(&walk, at);
    }
    long firings = 0;
    for (size_t i = 0; i < EXAMPLES; i++) {
        firings += walk.walkers[i].firings;
    }
    arena_free(arena);
    return firings;
}

static void skip_without_zones(void)
{
    if (access(TZIF_FOLDER "/Europe/Berlin", R_OK) != 0) {
        print_message("no time zones on this machine: install the package tzdata\n");
        skip();
    }
}

TEST(ten_years_of_minutes_in_each_zone_fire_as_the_walk_says)
{
    skip_without_zones();
    long firings = 0;
    for (size_t i = 0; i < ZONES; i++) {
        firings += walk_zone(i, INT64_C(1262304000), INT64_C(1577836800)); /* 2010-01-01 to 2020-01-01 */
    }
    print_message("%ld firings in %d zones\n", firings, ZONES);
    assert_true(firings > 1000000);
}

TEST(ten_years_past_the_last_transition_fire_as_the_walk_says)
{
    skip_without_zones();
    for (size_t i = 1; i < ZONES; i += 6) {
        assert_true(walk_zone(i, INT64_C(2082758400), INT64_C(2398377600)) > 0); /* 2036-01-01 to 2046-01-01 */
    }
}

TESTS(RUN(ten_years_of_minutes_in_each_zone_fire_as_the_walk_says),
      RUN(ten_years_past_the_last_transition_fire_as_the_walk_says))
