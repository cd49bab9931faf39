/* SPDX-License-Identifier: Apache-2.0
 * Cron expressions: five fields to sets of times, and the next time that is in them.
 *
 * The language is that of Vixie's cron as cronie has it:
 *   minute 0-59, hour 0-23, day of month 1-31, month 1-12 or jan-dec, day of week 0-7 (0 and 7 are Sunday) or sun-sat;
 *   each field is `*`, a value, a range `a-b`, a list with commas, and `*` or a range may have a step `/n`, which
 *   starts again with each hour, day, month or year. Names are in any case. `sat-sun` is 6-7.
 *   @yearly @annually @monthly @weekly @daily @midnight @hourly stand for all five.
 *
 * Which days: where day of month and day of week are both restricted, a day that matches either counts; where one of
 * them starts with `*` (also `*` with a step), a day must match both.
 *
 * When clocks change (decided by the hour field, for every zone alike):
 *   - Hour restricted: a time of the wall clock, once on each date, at the first instant when the local clock has
 *     reached it. In a skipped hour that is the instant after the gap (all times in the gap share it); when an hour
 *     comes twice, the first pass. A date that a zone left out whole has no firing.
 *   - Hour starts with `*`: as time goes by, at every instant whose wall clock matches; nothing in a gap, twice in an
 *     hour that comes twice.
 *
 * Pure: nothing here asks for the time of day.
 */
#ifndef SLUICE_TIME_CRON_EXPR_H
#define SLUICE_TIME_CRON_EXPR_H

#include "base/err.h"
#include "base/str.h"
#include "time/tzif.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CRON_TEXT_MAX = 256,
    /* No expression that can fire waits longer: 29 February on a given weekday comes every 40 years at the latest. */
    CRON_SEARCH_YEARS = 50,
};

enum cron_field { CRON_MINUTE, CRON_HOUR, CRON_DAY, CRON_MONTH, CRON_WEEKDAY, CRON_FIELDS };

struct cron_expr {
    uint64_t sets[CRON_FIELDS];  /* bit n: the value n is in; Sunday is 0 only */
    bool stars[CRON_FIELDS];     /* the field starts with '*' */
    unsigned steps[CRON_FIELDS]; /* n of a field that is just `*` with a step n, else 0 */
};

/* Reads an expression; blanks around it are fine. ERR_INPUT quotes it and names the field, the part and what was
 * expected; also for an expression that can never fire (30 February). Keeps nothing of `text`. */
int cron_expr_parse(struct str text, struct cron_expr *ret_expr, struct err *err);

/* Whether the expression, though allowed, is likely not what was meant; then `room` (of `size` bytes) has one line that
 * says what it really does: a step that does not divide its field, every minute of a single hour, both day fields set,
 * days that most months lack. Else false, and `room` is empty. */
bool cron_expr_warning(const struct cron_expr *expr, char *room, size_t size);

/* The first firing strictly after `after_ms` (epoch milliseconds) in `zone`. ERR_LIMIT if there is none within
 * CRON_SEARCH_YEARS, ERR_INPUT for an `after_ms` outside of the years 1 to 9999. */
int cron_expr_next(const struct cron_expr *expr, const struct tzif *zone, int64_t after_ms, int64_t *ret_ms,
                   struct err *err);

#endif
