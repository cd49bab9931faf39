/* SPDX-License-Identifier: Apache-2.0
 * Cron expressions of any text, at any time: what is accepted fires, strictly later, on a minute, and at the same
 * instant from wherever before it one asks. The first eight bytes are the time, the rest is the text.
 */
#include "time/cron_expr.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Copenhagen's rule as a file without transitions. */
#define BLOCK "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4\0\0\x0e\x10\0\0CET\0"
#define ZONE BLOCK BLOCK "\nCET-1CEST,M3.5.0,M10.5.0/3\n"

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

static void check_zone(const struct cron_expr *expr, const struct tzif *zone, int64_t after)
{
    int64_t next = 0;
    int64_t again = 0;
    struct err err = {0};
    if (cron_expr_next(expr, zone, after, &next, &err) < 0) {
        check(err.code == ERR_INPUT);
        return;
    }
    check(next > after && next % 60000 == 0);
    if (next - 1 > INT64_C(253402300799999)) {
        return; /* in the year 10000: from there nobody may ask */
    }
    check(cron_expr_next(expr, zone, next - 1, &again, NULL) == 0 && again == next);
    check(cron_expr_next(expr, zone, after + (next - after) / 2, &again, NULL) == 0);
    check(again == next || (next - after) / 2 == next - after);
    if (expr->stars[CRON_HOUR]) {
        int64_t local = next / 1000 + tzif_span_at(zone, next / 1000).offset_seconds;
        int64_t minute = ((local / 60) % 60 + 60) % 60;
        check((expr->sets[CRON_MINUTE] >> minute & 1) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    int64_t after = 0;
    if (size < sizeof after) {
        return 0;
    }
    memcpy(&after, bytes, sizeof after);
    struct cron_expr expr;
    struct err err = {0};
    struct str text = {(const char *)bytes + sizeof after, size - sizeof after};
    if (cron_expr_parse(text, &expr, &err) < 0) {
        check(err.code == ERR_INPUT && err.message[0] != '\0');
        return 0;
    }
    char room[256];
    check(cron_expr_warning(&expr, room, sizeof room) == (room[0] != '\0'));
    struct arena *arena = arena_new();
    const struct tzif *zone = NULL;
    check(tzif_parse(STR(ZONE), STR("zone"), arena, &zone, NULL) == 0);
    check_zone(&expr, tzif_utc(), after);
    check_zone(&expr, zone, after);
    check_zone(&expr, zone, after % INT64_C(4102444800000));
    arena_free(arena);
    return 0;
}
