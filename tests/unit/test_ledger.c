/* SPDX-License-Identifier: Apache-2.0
 * Counters from rows of the activity log.
 */
#include "metrics/ledger.h"

#include "metrics/exposition.h"
#include "test.h"

#include <stdio.h>

static void count(struct ledger *ledger, const char *action, int64_t at_ms, const char *object, const char *id,
                  const char *to, const char *reason)
{
    static int64_t sequence;
    struct activity row = {.sequence = ++sequence,
                           .at_ms = at_ms,
                           .action = action,
                           .object = object,
                           .object_id = id,
                           .to_state = to,
                           .reason = reason};
    ledger_count(ledger, &row);
}

static uint64_t total(const struct ledger_pipeline *pipeline, size_t state)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < LEDGER_TRIGGERS; i++) {
        sum += pipeline->ended[state][i];
    }
    return sum;
}

TEST(runs_are_counted_by_pipeline_state_and_trigger)
{
    struct ledger *ledger = ledger_new();
    count(ledger, "run.started", 1000, "run wine 1", "a", "running", "by cli");
    count(ledger, "run.started", 1000, "run wine 2", "b", "queued", "by schedule");
    count(ledger, "run.ended", 3500, "run wine 1", "a", "succeeded, passed", "");
    count(ledger, "run.ended", 62000, "run wine 2", "b", "failed", "x");
    count(ledger, "run.ended", 9000, "run beer 7", "c", "cancelled", ""); /* begun before the log: unknown */
    size_t n = 0;
    const struct ledger_pipeline *p = ledger_pipelines(ledger, &n);
    assert_int_equal(n, 2);
    assert_string_equal(p[0].name, "wine");
    assert_string_equal(p[1].name, "beer");
    assert_string_equal(ledger_trigger(ledger, 0), "cli");
    assert_string_equal(ledger_trigger(ledger, 1), "schedule");
    assert_string_equal(ledger_trigger(ledger, 2), "unknown");
    assert_int_equal(p[0].ended[0][0], 1);
    assert_int_equal(p[0].ended[1][1], 1);
    assert_int_equal(p[1].ended[2][2], 1);
    assert_int_equal(p[0].last_success_ms, 3500);
    assert_int_equal(p[1].last_success_ms, 0);
    assert_int_equal(histogram_count(&p[0].durations), 2);
    assert_true(p[0].durations.sum > 63.4 && p[0].durations.sum < 63.6);
    ledger_free(ledger);
}

TEST(what_is_counted_by_is_bounded)
{
    struct ledger *ledger = ledger_new();
    size_t n = 0;
    for (int i = 0; i < LEDGER_PIPELINES + 100; i++) {
        char object[40];
        char word[40];
        (void)snprintf(object, sizeof object, "run p%d 1", i);
        (void)snprintf(word, sizeof word, "by t%d", i);
        count(ledger, "run.started", 0, object, object, "running", word);
        count(ledger, "run.ended", 1, object, object, "succeeded", "");
        count(ledger, word, 1, "", "", "", "");
    }
    const struct ledger_pipeline *p = ledger_pipelines(ledger, &n);
    assert_int_equal(n, LEDGER_PIPELINES + 1);
    assert_string_equal(p[LEDGER_PIPELINES].name, LEDGER_OTHER);
    assert_int_equal(total(&p[LEDGER_PIPELINES], 0), 100);
    assert_string_equal(ledger_trigger(ledger, LEDGER_TRIGGERS - 1), LEDGER_OTHER);
    const struct ledger_word *actions = ledger_actions(ledger, &n);
    assert_int_equal(n, LEDGER_WORDS + 1);
    uint64_t all = 0;
    for (size_t i = 0; i < n; i++) {
        all += actions[i].count;
    }
    assert_int_equal(all, 3 * (LEDGER_PIPELINES + 100));
    ledger_free(ledger);
}

TEST(hostile_rows_count_somewhere)
{
    struct ledger *ledger = ledger_new();
    size_t n = 0;
    count(ledger, "run.ended", -5, "", "", "", "");
    count(ledger, "run.started", 10, "run", "", "", "");
    count(ledger, "run.ended", 5, "run", "", "odd", "");
    count(ledger, "run.started", 5,
          "run x 1", "a-run-id-that-is-much-longer-than-those-that-we-give-to-any-run-of-ours", "", "by cli");
    const struct ledger_pipeline *p = ledger_pipelines(ledger, &n);
    assert_true(n >= 1 && total(&p[0], 0) == 0);
    ledger_free(ledger);
}

TEST(histograms_count_up_to_their_bounds)
{
    struct histogram h = {.bounds = histogram_bounds_slow};
    struct strbuf out;
    strbuf_init(&out, 10000);
    histogram_add(&h, 0.1);
    histogram_add(&h, 0.2);
    histogram_add(&h, 1e9);
    exposition_histogram(&out, "x", (const char *[]){"a", "q\"\\\n", NULL}, &h);
    assert_non_null(strstr(out.data, "x_bucket{a=\"q\\\"\\\\\\n\",le=\"0.1\"} 1"));
    assert_non_null(strstr(out.data, "le=\"0.5\"} 2"));
    assert_non_null(strstr(out.data, "le=\"86400\"} 2"));
    assert_non_null(strstr(out.data, "le=\"+Inf\"} 3"));
    assert_non_null(strstr(out.data, "x_count{a=\"q\\\"\\\\\\n\"} 3"));
    strbuf_clear(&out);
}

TESTS(RUN(runs_are_counted_by_pipeline_state_and_trigger), RUN(what_is_counted_by_is_bounded),
      RUN(hostile_rows_count_somewhere), RUN(histograms_count_up_to_their_bounds))
