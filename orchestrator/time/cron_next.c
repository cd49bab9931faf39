/* SPDX-License-Identifier: Apache-2.0
 * The next firing: the time line is taken in stretches of one offset, in each of which the wall clock runs as fast as
 * time does, so that the sets can be asked directly.
 *
 * For expressions that follow the wall clock there is a high-water mark: how far the local clock has come so far. Each
 * local time fires once, as the mark passes it: in a stretch, or at the start of one that begins ahead of the mark (a
 * gap). What lies below the mark has been (an hour that comes twice).
 */
#include "time/civil.h"
#include "time/cron_expr.h"

enum {
    MINUTE_SECONDS = 60,
    HOUR_SECONDS = 3600,
    /* Two offsets differ by less than 51 hours: what the mark was earlier than this before an instant cannot matter. */
    LOOK_BACK_SECONDS = 4 * CIVIL_DAY_SECONDS,
    YEAR_SECONDS = 31556952,
};

/* 0001-01-01 and 9999-12-31, in milliseconds. */
#define AFTER_MIN_MS INT64_C(-62135596800000)
#define AFTER_MAX_MS INT64_C(253402300799999)

static bool has(const struct cron_expr *expr, enum cron_field field, int value)
{
    return (expr->sets[field] >> value & 1) != 0;
}

static bool day_matches(const struct cron_expr *expr, struct civil date, int64_t day)
{
    bool by_day = has(expr, CRON_DAY, date.day);
    bool by_weekday = has(expr, CRON_WEEKDAY, civil_weekday(day));
    bool both = expr->stars[CRON_DAY] || expr->stars[CRON_WEEKDAY];
    return both ? by_day && by_weekday : by_day || by_weekday;
}

/* The first day from `day` on, and before `end`, that matches; else `end`. */
static int64_t next_day(const struct cron_expr *expr, int64_t day, int64_t end)
{
    struct civil date = civil_from_day(day);
    while (day < end) {
        int length = civil_month_days(date.year, date.month);
        if (has(expr, CRON_MONTH, date.month)) {
            for (; date.day <= length && day < end; date.day++, day++) {
                if (day_matches(expr, date, day)) {
                    return day;
                }
            }
        } else {
            day += length + 1 - date.day;
        }
        date = date.month == 12 ? (struct civil){date.year + 1, 1, 1} : (struct civil){date.year, date.month + 1, 1};
    }
    return end;
}

/* The first time of the day, in seconds, that matches and is at or after `from`; -1 if there is none. */
static int64_t next_time(const struct cron_expr *expr, int64_t from)
{
    int64_t minute = (from + MINUTE_SECONDS - 1) / MINUTE_SECONDS;
    int hour = (int)(minute / 60);
    if (hour < 24 && has(expr, CRON_HOUR, hour)) {
        uint64_t left = expr->sets[CRON_MINUTE] >> (minute % 60);
        if (left != 0) {
            return (minute + __builtin_ctzll(left)) * MINUTE_SECONDS;
        }
    }
    uint64_t hours = hour < 23 ? expr->sets[CRON_HOUR] >> (hour + 1) : 0;
    if (hours == 0) {
        return -1;
    }
    return (int64_t)(hour + 1 + __builtin_ctzll(hours)) * HOUR_SECONDS +
           (int64_t)__builtin_ctzll(expr->sets[CRON_MINUTE]) * MINUTE_SECONDS;
}

/* The first matching local time in [from, to), in seconds of the local clock. */
static bool next_local(const struct cron_expr *expr, int64_t from, int64_t to, int64_t *ret_local)
{
    int64_t day = civil_floor(from, CIVIL_DAY_SECONDS);
    int64_t end = civil_floor(to - 1, CIVIL_DAY_SECONDS) + 1;
    int64_t seconds = from - day * CIVIL_DAY_SECONDS;
    while (from < to && (day = next_day(expr, day, end)) < end) {
        int64_t start = day * CIVIL_DAY_SECONDS;
        int64_t at = next_time(expr, start >= from ? 0 : seconds);
        if (at >= 0) {
            *ret_local = start + at;
            return *ret_local < to;
        }
        day++;
    }
    return false;
}

/* Whether a time of the wall clock was skipped between `mark` and `local`; those of a date that was left out whole,
 * with no instant of it before or after, do not count. */
static bool fires_at_gap(const struct cron_expr *expr, int64_t mark, int64_t local)
{
    int64_t skipped = 0;
    while (next_local(expr, mark, local, &skipped)) {
        int64_t date = civil_floor(skipped, CIVIL_DAY_SECONDS) * CIVIL_DAY_SECONDS;
        if (date < mark || local < date + CIVIL_DAY_SECONDS) {
            return true;
        }
        mark = date + CIVIL_DAY_SECONDS;
    }
    return false;
}

/* Where a search has come to. */
struct search {
    const struct cron_expr *expr;
    int64_t first; /* no instant before it will do */
    int64_t at;
    bool wall;    /* follows the wall clock */
    int64_t mark; /* of the local clock, if `wall` */
};

/* Looks through [at, to), where one offset holds. */
static bool search_stretch(const struct search *search, int64_t to, int64_t offset, int64_t *ret_at)
{
    int64_t local = 0;
    if (search->wall && search->at >= search->first && search->mark < search->at + offset &&
        fires_at_gap(search->expr, search->mark, search->at + offset)) {
        *ret_at = search->at;
        return true;
    }
    int64_t from = (search->at > search->first ? search->at : search->first) + offset;
    from = search->wall && search->mark > from ? search->mark : from;
    if (!next_local(search->expr, from, to + offset, &local)) {
        return false;
    }
    *ret_at = local - offset;
    return true;
}

int cron_expr_next(const struct cron_expr *expr, const struct tzif *zone, int64_t after_ms, int64_t *ret_ms,
                   struct err *err)
{
    if (after_ms < AFTER_MIN_MS || after_ms > AFTER_MAX_MS) {
        return err_set(err, ERR_INPUT, "next firing after %lld ms, expected a time of the years 1 to 9999",
                       (long long)after_ms);
    }
    int64_t first = civil_floor(after_ms, 1000) + 1;
    int64_t end = first + (int64_t)CRON_SEARCH_YEARS * YEAR_SECONDS;
    struct search search = {
        .expr = expr,
        .first = first,
        .at = first - LOOK_BACK_SECONDS,
        .wall = !expr->stars[CRON_HOUR],
    };
    struct tzif_span span = tzif_span_at(zone, search.at);
    search.mark = search.at + span.offset_seconds;
    while (search.at < end) {
        int64_t to = span.to < end ? span.to : end;
        int64_t found = 0;
        if (to > first && search_stretch(&search, to, span.offset_seconds, &found)) {
            *ret_ms = found * 1000;
            return 0;
        }
        search.mark = to + span.offset_seconds > search.mark ? to + span.offset_seconds : search.mark;
        search.at = to;
        span = tzif_span_at(zone, to);
    }
    return err_set(err, ERR_LIMIT, "no firing within %d years", CRON_SEARCH_YEARS);
}
