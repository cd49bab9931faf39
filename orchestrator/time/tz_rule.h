/* SPDX-License-Identifier: Apache-2.0
 * The rule that a POSIX TZ text gives: "CET-1CEST,M3.5.0,M10.5.0/3".
 *
 * As in POSIX.1-2017 (Base Definitions, 8.3) with the wider hours of RFC 8536 3.3.1: names in <> or of letters, offsets
 * to 24 hours west-positive, dates Jn, n and Mm.w.d, hours of a change from -167 to 167.
 */
#ifndef SLUICE_TIME_TZ_RULE_H
#define SLUICE_TIME_TZ_RULE_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum { TZ_RULE_NAME_MAX = 31 };

/* A day of each year, and the wall time of the change on it. */
struct tz_change {
    enum { TZ_DAY_JULIAN, TZ_DAY_ZERO, TZ_DAY_MONTH } kind;
    int day;   /* JULIAN: 1-365, 29 February not counted; ZERO: 0-365; MONTH: weekday 0-6 */
    int week;  /* MONTH: 1-5, 5 is the last */
    int month; /* MONTH: 1-12 */
    int seconds;
};

struct tz_local {
    int32_t offset_seconds; /* local minus UTC: the sign of ISO 8601, not that of the text */
    char name[TZ_RULE_NAME_MAX + 1];
};

struct tz_rule {
    struct tz_local standard;
    bool has_daylight;
    struct tz_local daylight;
    struct tz_change start; /* of daylight time, in standard time */
    struct tz_change end;   /* in daylight time */
};

/* Reads the whole text. ERR_CORRUPT quotes it. A daylight name without dates is refused: its meaning is not defined. */
int tz_rule_parse(struct str text, struct tz_rule *ret_rule, struct err *err);

/* The local time in force at an instant, and the stretch [from, to) around it in epoch seconds; INT64_MIN and INT64_MAX
 * without daylight time. For instants of the years -100,000 to 100,000. */
const struct tz_local *tz_rule_at(const struct tz_rule *rule, int64_t epoch_seconds, int64_t *ret_from,
                                  int64_t *ret_to);

#endif
