/* SPDX-License-Identifier: Apache-2.0
 * What goes by the rules, and what is held: from tables of runs.
 */
#include "gc/plan.h"

#include "test.h"

enum { HOUR_MS = 3600 * 1000 };

static const int64_t now_ms = (int64_t)1000 * HOUR_MS;

/* A run that ended so many hours ago, of 100 bytes of artifacts and 10 of logs. */
static struct gc_run run_of(const char *label, const char *pipeline, int64_t hours)
{
    return (struct gc_run){
        .label = label,
        .pipeline = pipeline,
        .ended_ms = now_ms - hours * HOUR_MS,
        .has = {[RETENTION_RUNS] = true, [RETENTION_LOGS] = true, [RETENTION_ARTIFACTS] = true},
        .weights = {[RETENTION_RUNS] = {2, 110}, [RETENTION_LOGS] = {1, 10}, [RETENTION_ARTIFACTS] = {1, 100}},
    };
}

static struct arena *plan(struct gc_run *runs, size_t count, const char *rules[RETENTION_KINDS])
{
    struct arena *arena = arena_new();
    struct retention parsed[RETENTION_KINDS];
    for (int kind = 0; kind < RETENTION_KINDS; kind++) {
        const char *rule = rules[kind] == NULL ? "none" : rules[kind];
        assert_int_equal(retention_parse((enum retention_kind)kind, str_from(rule), &parsed[kind], NULL), 0);
    }
    gc_plan_runs(runs, count, parsed, now_ms, arena);
    return arena;
}

/* "GHS": goes, is held, stays. */
static void expect(const struct gc_run *runs, size_t count, enum retention_kind kind, const char *fates)
{
    assert_int_equal(strlen(fates), count);
    for (size_t i = 0; i < count; i++) {
        char fate = runs[i].verdicts[kind].fate == GC_GOES ? 'G' : runs[i].verdicts[kind].fate == GC_HELD ? 'H' : 'S';
        if (fate != fates[i]) {
            fail_msg("%s: expected %c, found %c", runs[i].label, fates[i], fate);
        }
    }
}

#define COUNT(runs) (sizeof(runs) / sizeof(runs)[0])

TEST(without_a_rule_everything_stays)
{
    struct gc_run runs[] = {run_of("a/1", "a", 900), run_of("a/2", "a", 1)};
    arena_free(plan(runs, COUNT(runs), (const char *[RETENTION_KINDS]){0}));
    expect(runs, COUNT(runs), RETENTION_RUNS, "SS");
    expect(runs, COUNT(runs), RETENTION_LOGS, "SS");
}

TEST(what_is_older_goes_but_the_last_of_each_pipeline)
{
    struct gc_run runs[] = {run_of("a/1", "a", 50), run_of("b/1", "b", 49), run_of("a/2", "a", 48),
                            run_of("a/3", "a", 47), run_of("a/4", "a", 1)};
    const char *rules[RETENTION_KINDS] = {[RETENTION_RUNS] = "older_than=24h,keep_last=2"};
    struct arena *arena = plan(runs, COUNT(runs), rules);
    expect(runs, COUNT(runs), RETENTION_RUNS, "GSGSS");
    assert_string_equal(runs[0].verdicts[RETENTION_RUNS].why, "ended 2d 2h ago");
    arena_free(arena);
}

TEST(exactly_as_old_as_the_rule_says_is_not_older)
{
    struct gc_run runs[] = {run_of("a/1", "a", 24)};
    const char *rules[RETENTION_KINDS] = {[RETENTION_RUNS] = "older_than=24h"};
    arena_free(plan(runs, 1, rules));
    expect(runs, 1, RETENTION_RUNS, "S");
    runs[0].ended_ms--;
    arena_free(plan(runs, 1, rules));
    expect(runs, 1, RETENTION_RUNS, "G");
}

TEST(an_open_run_is_neither_picked_nor_counted)
{
    struct gc_run runs[] = {run_of("a/1", "a", 50), run_of("a/2", "a", 40), run_of("a/3", "a", 30)};
    const char *rules[RETENTION_KINDS] = {[RETENTION_RUNS] = "keep_last=1", [RETENTION_LOGS] = "older_than=1h"};
    runs[2].open = true;
    arena_free(plan(runs, COUNT(runs), rules));
    expect(runs, COUNT(runs), RETENTION_RUNS, "GSS");
    expect(runs, COUNT(runs), RETENTION_LOGS, "SGS");
}

TEST(a_run_that_is_leaving_goes_whatever_the_rules_say_and_counts_for_nothing)
{
    struct gc_run runs[] = {run_of("a/1", "a", 50), run_of("a/2", "a", 40), run_of("a/3", "a", 30)};
    const size_t stays[] = {1};
    const char *keep[RETENTION_KINDS] = {[RETENTION_RUNS] = "keep_last=1", [RETENTION_LOGS] = "older_than=1h"};
    runs[2].leaving = true;
    runs[2].holder = "model version a/1";
    runs[2].users = stays;
    runs[2].user_count = 1;
    arena_free(plan(runs, COUNT(runs), keep));
    expect(runs, COUNT(runs), RETENTION_RUNS, "GSG");
    expect(runs, COUNT(runs), RETENTION_LOGS, "SGS");
    assert_string_equal(runs[2].verdicts[RETENTION_RUNS].why, "its removal was begun");
    arena_free(plan(runs, COUNT(runs), (const char *[RETENTION_KINDS]){0}));
    expect(runs, COUNT(runs), RETENTION_RUNS, "SSG");
}

TEST(what_is_used_stays_as_long_as_its_user)
{
    const size_t by_1[] = {1};
    const size_t by_2[] = {2};
    struct gc_run runs[] = {run_of("a/1", "a", 50), run_of("a/2", "a", 40), run_of("a/3", "a", 1)};
    const char *rules[RETENTION_KINDS] = {[RETENTION_RUNS] = "older_than=24h"};
    runs[0].users = by_1;
    runs[0].user_count = 1;
    runs[1].users = by_2;
    runs[1].user_count = 1;
    struct arena *arena = plan(runs, COUNT(runs), rules);
    expect(runs, COUNT(runs), RETENTION_RUNS, "HHS");
    assert_string_equal(runs[0].verdicts[RETENTION_RUNS].why, "run a/2 uses it");
    arena_free(arena);
    runs[2].ended_ms = runs[1].ended_ms;
    arena_free(plan(runs, COUNT(runs), rules));
    expect(runs, COUNT(runs), RETENTION_RUNS, "GGG");
}

TEST(holders_hold_records_and_artifacts_but_no_logs)
{
    struct gc_run runs[] = {run_of("a/1", "a", 50), run_of("a/2", "a", 40), run_of("a/3", "a", 30)};
    const char *rules[RETENTION_KINDS] = {[RETENTION_RUNS] = "older_than=1h",
                                          [RETENTION_LOGS] = "older_than=1h",
                                          [RETENTION_ARTIFACTS] = "older_than=1h"};
    runs[0].holder = "model version a/1";
    runs[2].last_good = true;
    struct arena *arena = plan(runs, COUNT(runs), rules);
    expect(runs, COUNT(runs), RETENTION_RUNS, "HGH");
    expect(runs, COUNT(runs), RETENTION_ARTIFACTS, "HSH"); /* those of run 2 go with it */
    expect(runs, COUNT(runs), RETENTION_LOGS, "GSG");
    assert_string_equal(runs[0].verdicts[RETENTION_RUNS].why, "model version a/1");
    assert_string_equal(runs[2].verdicts[RETENTION_RUNS].why, "the last of a that succeeded");
    arena_free(arena);
}

TEST(the_oldest_go_until_the_rest_is_small_enough)
{
    const size_t by_3[] = {3};
    struct gc_run runs[] = {run_of("a/1", "a", 50), run_of("a/2", "a", 40), run_of("a/3", "a", 30),
                            run_of("a/4", "a", 20), run_of("a/5", "a", 10)};
    const char *rules[RETENTION_KINDS] = {[RETENTION_ARTIFACTS] = "max_size=300B,keep_last=1"};
    runs[0].users = by_3; /* it can go only after a/4, which comes later */
    runs[0].user_count = 1;
    arena_free(plan(runs, COUNT(runs), rules));
    expect(runs, COUNT(runs), RETENTION_ARTIFACTS, "HGGSS");
    rules[RETENTION_ARTIFACTS] = "max_size=100B,keep_last=1";
    arena_free(plan(runs, COUNT(runs), rules));
    expect(runs, COUNT(runs), RETENTION_ARTIFACTS, "GGGGS");
    rules[RETENTION_ARTIFACTS] = "max_size=0,keep_last=1";
    arena_free(plan(runs, COUNT(runs), rules));
    expect(runs, COUNT(runs), RETENTION_ARTIFACTS, "GGGGS");
    rules[RETENTION_ARTIFACTS] = "max_size=500B";
    arena_free(plan(runs, COUNT(runs), rules));
    expect(runs, COUNT(runs), RETENTION_ARTIFACTS, "SSSSS");
}

TEST(kept_results_go_by_their_last_use)
{
    struct arena *arena = arena_new();
    struct retention rule;
    struct gc_entry entries[] = {
        {.key = "1", .step = "a/t", .place = "t1", .used_ms = now_ms - HOUR_MS},
        {.key = "2", .step = "a/t", .place = "t2", .used_ms = now_ms - 30 * HOUR_MS},
        {.key = "3", .step = "a/t", .place = "t1", .used_ms = now_ms - 40 * HOUR_MS},
    };
    assert_int_equal(retention_parse(RETENTION_CACHE, STR("older_than=1d,keep_last=1"), &rule, NULL), 0);
    gc_plan_cache(entries, COUNT(entries), &rule, now_ms, arena);
    assert_int_equal(entries[0].verdict.fate, GC_STAYS);
    assert_int_equal(entries[1].verdict.fate, GC_STAYS);
    assert_int_equal(entries[2].verdict.fate, GC_GOES);
    assert_string_equal(entries[2].verdict.why, "last used 1d 16h ago");
    arena_free(arena);
}

TEST(what_clients_deleted_goes_by_its_age_unless_it_is_held)
{
    struct arena *arena = arena_new();
    struct retention rule;
    struct gc_run going = run_of("a/1", "a", 9);
    struct gc_run staying = run_of("a/2", "a", 9);
    going.verdicts[RETENTION_RUNS].fate = GC_GOES;
    int64_t old = now_ms - 2 * HOUR_MS;
    struct gc_deleted items[] = {
        {.kind = GC_DELETED_RUN, .label = "run 1", .experiment = 1, .deleted_ms = old},
        {.kind = GC_DELETED_RUN, .label = "run 2", .experiment = 2, .deleted_ms = now_ms - HOUR_MS},
        {.kind = GC_DELETED_RUN, .label = "run 3", .experiment = 3, .deleted_ms = old, .holder = "model version m/1"},
        {.kind = GC_DELETED_RUN, .label = "run 4", .experiment = 4, .deleted_ms = old, .of_run = &staying},
        {.kind = GC_DELETED_MODEL, .label = "model 5", .experiment = 5, .deleted_ms = old, .of_run = &staying},
        {.kind = GC_DELETED_RUN, .label = "run 6", .experiment = 1, .deleted_ms = old, .of_run = &going},
        {.kind = GC_DELETED_EXPERIMENT, .label = "experiment 1", .experiment = 1, .deleted_ms = old},
        {.kind = GC_DELETED_EXPERIMENT, .label = "experiment 2", .experiment = 2, .deleted_ms = old},
        {.kind = GC_DELETED_EXPERIMENT, .label = "experiment 3", .experiment = 3, .deleted_ms = old},
        {.kind = GC_DELETED_EXPERIMENT, .label = "experiment 5", .experiment = 5, .deleted_ms = old},
        {.kind = GC_DELETED_EXPERIMENT, .label = "Default", .experiment = 0, .deleted_ms = old},
        {.kind = GC_DELETED_EXPERIMENT, .label = "experiment 9", .experiment = 9, .deleted_ms = now_ms},
    };
    static const char *const why[] = {
        "deleted 2h ago", NULL, "model version m/1", "it goes with run a/2", NULL, NULL, "deleted 2h ago",
        "run 2 stays", "run 3 stays", "model 5 stays", "clients that name no experiment use it", NULL,
    };
    static const char fates[] = "GSHHSSGHHHHS";
    assert_int_equal(retention_parse(RETENTION_DELETED, STR("older_than=1h"), &rule, NULL), 0);
    gc_plan_deleted(items, COUNT(items), &rule, now_ms, arena);
    for (size_t i = 0; i < COUNT(items); i++) {
        char fate = "SGH"[items[i].verdict.fate];
        if (fate != fates[i]) {
            fail_msg("%s: expected %c, found %c", items[i].label, fates[i], fate);
        }
        assert_string_equal(items[i].verdict.why == NULL ? "" : items[i].verdict.why, why[i] == NULL ? "" : why[i]);
    }
    gc_plan_deleted(items, COUNT(items), &retention_none, now_ms, arena);
    for (size_t i = 0; i < COUNT(items); i++) {
        assert_int_equal(items[i].verdict.fate, GC_STAYS);
    }
    arena_free(arena);
}

TEST(deleted_takes_an_age_alone)
{
    struct retention rule;
    struct err err = {0};
    assert_int_equal(retention_parse(RETENTION_DELETED, STR("keep_last=3"), &rule, &err), -1);
    assert_string_equal(err.message, "--deleted 'keep_last=3': there is no 'keep_last': expected older_than=90d");
    assert_int_equal(retention_parse(RETENTION_DELETED, STR(""), &rule, &err), -1);
}

TEST(a_rule_is_read_whole_or_not_at_all)
{
    struct retention rule;
    struct str whole = STR("older_than=90d, keep_last=50 ,max_size=50G");
    assert_int_equal(retention_parse(RETENTION_RUNS, whole, &rule, NULL), 0);
    assert_true(rule.given);
    assert_int_equal(rule.older_than_ms, (int64_t)90 * 24 * HOUR_MS);
    assert_int_equal(rule.keep_last, 50);
    assert_int_equal(rule.max_bytes, (int64_t)50 << 30);
    static const char *const wrong[] = {"", ",", "older_than", "older_than=", "keep_last=1,",
                                        "keep_last=x", "none,keep_last=1"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct err err = {0};
        assert_int_equal(retention_parse(RETENTION_RUNS, str_from(wrong[i]), &rule, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
        assert_int_equal(rule.keep_last, 50);
    }
}

TESTS(RUN(without_a_rule_everything_stays), RUN(what_is_older_goes_but_the_last_of_each_pipeline),
      RUN(exactly_as_old_as_the_rule_says_is_not_older), RUN(an_open_run_is_neither_picked_nor_counted),
      RUN(a_run_that_is_leaving_goes_whatever_the_rules_say_and_counts_for_nothing),
      RUN(what_is_used_stays_as_long_as_its_user), RUN(holders_hold_records_and_artifacts_but_no_logs),
      RUN(the_oldest_go_until_the_rest_is_small_enough), RUN(kept_results_go_by_their_last_use),
      RUN(what_clients_deleted_goes_by_its_age_unless_it_is_held), RUN(deleted_takes_an_age_alone),
      RUN(a_rule_is_read_whole_or_not_at_all))
