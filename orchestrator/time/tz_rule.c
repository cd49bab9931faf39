/* SPDX-License-Identifier: Apache-2.0
 * The text is taken from the front, part by part: each take_ function moves `*rest` behind what it read.
 */
#include "time/tz_rule.h"

#include "time/civil.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void skip(struct str *rest, size_t count)
{
    *rest = str_slice(*rest, count, rest->n);
}

static bool take_byte(struct str *rest, char c)
{
    if (rest->n == 0 || rest->p[0] != c) {
        return false;
    }
    skip(rest, 1);
    return true;
}

static bool take_number(struct str *rest, int min, int max, int *ret_value)
{
    size_t n = 0;
    int value = 0;
    while (n < rest->n && n < 4 && is_digit(rest->p[n])) {
        value = value * 10 + (rest->p[n] - '0');
        n++;
    }
    skip(rest, n);
    *ret_value = value;
    return n > 0 && value >= min && value <= max;
}

/* "CET" or "<+0530>". */
static bool take_name(struct str *rest, char *room)
{
    bool quoted = take_byte(rest, '<');
    size_t n = 0;
    while (n < rest->n &&
           (is_letter(rest->p[n]) || (quoted && (is_digit(rest->p[n]) || rest->p[n] == '+' || rest->p[n] == '-')))) {
        n++;
    }
    if (n < 3 || n > TZ_RULE_NAME_MAX) {
        return false;
    }
    memcpy(room, rest->p, n);
    room[n] = '\0';
    skip(rest, n);
    return !quoted || take_byte(rest, '>');
}

/* "[+-]hh[:mm[:ss]]" in seconds. */
static bool take_clock(struct str *rest, int max_hours, int *ret_seconds)
{
    bool negative = take_byte(rest, '-');
    if (!negative) {
        (void)take_byte(rest, '+');
    }
    int hours = 0;
    int minutes = 0;
    int seconds = 0;
    if (!take_number(rest, 0, max_hours, &hours)) {
        return false;
    }
    if (take_byte(rest, ':')) {
        if (!take_number(rest, 0, 59, &minutes)) {
            return false;
        }
        if (take_byte(rest, ':') && !take_number(rest, 0, 59, &seconds)) {
            return false;
        }
    }
    int total = hours * 3600 + minutes * 60 + seconds;
    *ret_seconds = negative ? -total : total;
    return true;
}

/* POSIX counts west as positive. */
static bool take_offset(struct str *rest, int32_t *ret_offset)
{
    int west = 0;
    if (!take_clock(rest, 24, &west)) {
        return false;
    }
    *ret_offset = -west;
    return true;
}

/* ",Mm.w.d/time" and the other two forms. */
static bool take_change(struct str *rest, struct tz_change *change)
{
    if (!take_byte(rest, ',')) {
        return false;
    }
    bool good;
    if (take_byte(rest, 'M')) {
        change->kind = TZ_DAY_MONTH;
        good = take_number(rest, 1, 12, &change->month) && take_byte(rest, '.') &&
               take_number(rest, 1, 5, &change->week) && take_byte(rest, '.') && take_number(rest, 0, 6, &change->day);
    } else if (take_byte(rest, 'J')) {
        change->kind = TZ_DAY_JULIAN;
        good = take_number(rest, 1, 365, &change->day);
    } else {
        change->kind = TZ_DAY_ZERO;
        good = take_number(rest, 0, 365, &change->day);
    }
    change->seconds = 2 * 3600;
    return good && (!take_byte(rest, '/') || take_clock(rest, 167, &change->seconds));
}

static bool take_rule(struct str *rest, struct tz_rule *rule)
{
    if (!take_name(rest, rule->standard.name) || !take_offset(rest, &rule->standard.offset_seconds)) {
        return false;
    }
    if (rest->n == 0) {
        return true;
    }
    rule->has_daylight = true;
    rule->daylight.offset_seconds = rule->standard.offset_seconds + 3600;
    if (!take_name(rest, rule->daylight.name)) {
        return false;
    }
    if (rest->n > 0 && rest->p[0] != ',' && !take_offset(rest, &rule->daylight.offset_seconds)) {
        return false;
    }
    return take_change(rest, &rule->start) && take_change(rest, &rule->end) && rest->n == 0;
}

int tz_rule_parse(struct str text, struct tz_rule *ret_rule, struct err *err)
{
    struct tz_rule rule = {0};
    struct str rest = text;
    if (!take_rule(&rest, &rule)) {
        return err_set(err, ERR_CORRUPT,
                       "time zone rule '%.*s', expected a POSIX TZ rule such as CET-1CEST,M3.5.0,M10.5.0/3",
                       STR_ARG(text));
    }
    *ret_rule = rule;
    return 0;
}

/* The day number of a change in a year. */
static int64_t change_day(const struct tz_change *change, int64_t year)
{
    int64_t first = civil_to_day((struct civil){year, 1, 1});
    if (change->kind == TZ_DAY_ZERO) {
        return first + change->day;
    }
    if (change->kind == TZ_DAY_JULIAN) {
        return first + change->day - 1 + (change->day >= 60 && civil_is_leap(year) ? 1 : 0);
    }
    first = civil_to_day((struct civil){year, change->month, 1});
    int64_t day = first + (change->day - civil_weekday(first) + 7) % 7 + 7 * (change->week - 1);
    return day < first + civil_month_days(year, change->month) ? day : day - 7;
}

const struct tz_local *tz_rule_at(const struct tz_rule *rule, int64_t epoch_seconds, int64_t *ret_from, int64_t *ret_to)
{
    *ret_from = INT64_MIN;
    *ret_to = INT64_MAX;
    const struct tz_local *local = &rule->standard;
    if (!rule->has_daylight) {
        return local;
    }
    /* Hours of a change reach a week beyond the year's ends, so the years around count as well. The end is looked at
     * before the start: where daylight time ends as it starts anew, it goes on (RFC 8536 3.3.1, all-year daylight). */
    int64_t year = civil_from_day(civil_floor(epoch_seconds, CIVIL_DAY_SECONDS)).year;
    for (int64_t y = year - 2; y <= year + 2; y++) {
        const int64_t at[2] = {
            change_day(&rule->end, y) * CIVIL_DAY_SECONDS + rule->end.seconds - rule->daylight.offset_seconds,
            change_day(&rule->start, y) * CIVIL_DAY_SECONDS + rule->start.seconds - rule->standard.offset_seconds,
        };
        for (int i = 0; i < 2; i++) {
            if (at[i] <= epoch_seconds && at[i] >= *ret_from) {
                local = i == 1 ? &rule->daylight : &rule->standard;
                *ret_from = at[i];
            } else if (at[i] > epoch_seconds && at[i] < *ret_to) {
                *ret_to = at[i];
            }
        }
    }
    return local;
}
