/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/moment.h"

#include "base/parse.h"
#include "time/civil.h"

#include <stdio.h>
#include <string.h>

/* The first instant of a local date: where its midnight does not exist, that after the gap. */
static int64_t begin_of_day(const struct tzif *zone, int64_t day)
{
    int64_t local = day * CIVIL_DAY_SECONDS;
    struct tzif_span span = tzif_span_at(zone, local - 2 * CIVIL_DAY_SECONDS);
    while (span.to != INT64_MAX && span.to + span.offset_seconds <= local) {
        struct tzif_span next = tzif_span_at(zone, span.to);
        if (span.to + next.offset_seconds > local) { /* in the gap */
            return span.to;
        }
        span = next;
    }
    return local - span.offset_seconds;
}

int moment_parse(const char *text, const struct tzif *zone, int64_t *ret_ms, struct err *err)
{
    char whole[64];
    int64_t midnight_ms = 0;
    bool is_date = strlen(text) == strlen("2026-03-29");
    if (!is_date && parse_time(str_from(text), ret_ms, NULL) == 0) {
        return 0;
    }
    (void)snprintf(whole, sizeof whole, "%.10sT00:00:00Z", text);
    if (!is_date || parse_time(str_from(whole), &midnight_ms, NULL) < 0) {
        return err_set(err, ERR_INPUT, "expected a date or time such as 2026-03-29 or 2026-03-29T02:00:00Z, found "
                                       "'%s'", text);
    }
    *ret_ms = begin_of_day(zone, midnight_ms / 1000 / CIVIL_DAY_SECONDS) * 1000;
    return 0;
}

void moment_local(const struct tzif *zone, int64_t at_ms, char *room, size_t size)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    int64_t seconds = civil_floor(at_ms, 1000);
    struct tzif_span span = tzif_span_at(zone, seconds);
    int64_t local = seconds + span.offset_seconds;
    int64_t day = civil_floor(local, CIVIL_DAY_SECONDS);
    int64_t left = local - day * CIVIL_DAY_SECONDS;
    struct civil date = civil_from_day(day);
    (void)snprintf(room, size, "%s %04d-%02d-%02d %02d:%02d:%02d %s", days[civil_weekday(day)], (int)date.year,
                   date.month, date.day, (int)(left / 3600), (int)(left / 60 % 60), (int)(left % 60),
                   span.abbreviation);
}
