/* SPDX-License-Identifier: Apache-2.0
 * Zone files of any bytes, and rules of any text: what is accepted gives spans that hold the instant asked for and join
 * without holes, and a cron expression finds its next firing or says that there is none.
 */
#include "time/cron_expr.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { SPANS_MAX = 300 };

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

static void check_span(const struct tzif_span *span, int64_t at)
{
    check(span->from <= at && at < span->to);
    check(span->offset_seconds >= TZIF_OFFSET_MIN && span->offset_seconds <= TZIF_OFFSET_MAX);
    check(strnlen(span->abbreviation, sizeof span->abbreviation) < sizeof span->abbreviation);
}

static void check_zone(const struct tzif *zone, int64_t at)
{
    static const char *const crons[] = {"30 2 * * *", "*/7 * * * *", "0 0 29 2 *", "59 23 31 12 *"};
    for (int i = 0; i < SPANS_MAX && at < INT64_C(300000000000); i++) {
        struct tzif_span span = tzif_span_at(zone, at);
        check_span(&span, at);
        at = span.to;
    }
    for (size_t i = 0; i < sizeof crons / sizeof crons[0]; i++) {
        struct cron_expr expr;
        struct err err = {0};
        int64_t next = INT64_C(1767225600000);
        check(cron_expr_parse(str_from(crons[i]), &expr, NULL) == 0);
        for (int k = 0; k < 3; k++) {
            int64_t after = next;
            if (cron_expr_next(&expr, zone, after, &next, &err) < 0) {
                check(err.code == ERR_LIMIT);
                break;
            }
            int64_t again = 0;
            check(next > after && cron_expr_next(&expr, zone, next - 1, &again, NULL) == 0 && again == next);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct arena *arena = arena_new();
    const struct tzif *zone = NULL;
    struct err err = {0};
    struct str text = {(const char *)bytes, size};
    if (tzif_parse(text, STR("zone"), arena, &zone, &err) == 0) {
        check_zone(zone, INT64_C(-4000000000));
        check_zone(zone, INT64_C(1700000000));
    } else {
        check(err.code == ERR_CORRUPT);
    }
    struct tz_rule rule;
    if (tz_rule_parse(text, &rule, NULL) == 0) {
        int64_t at = INT64_C(1700000000);
        for (int i = 0; i < SPANS_MAX && at < INT64_C(300000000000); i++) {
            int64_t from = 0;
            int64_t to = 0;
            (void)tz_rule_at(&rule, at, &from, &to);
            check(from <= at && at < to);
            at = to;
        }
    }
    arena_free(arena);
    return 0;
}
