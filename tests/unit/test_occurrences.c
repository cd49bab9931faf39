/* SPDX-License-Identifier: Apache-2.0
 * Which occurrences of a schedule are started, and which came too late; in which order schedules are due; and what
 * overlapping ones do.
 */
#include "base/parse.h"
#include "base/rng.h"
#include "trigger/overlap.h"
#include "trigger/schedule_heap.h"

#include "test.h"

#include <stdio.h>

static int64_t at(const char *text)
{
    int64_t ms = 0;
    assert_int_equal(parse_time(str_from(text), &ms, NULL), 0);
    return ms;
}

static struct timetable table_of(const char *cron, enum catchup catchup)
{
    struct timetable table = {.zone = tzif_utc(), .catchup = catchup, .most = CATCHUP_LIMIT};
    assert_int_equal(cron_expr_parse(str_from(cron), &table.cron, NULL), 0);
    return table;
}

/* "missed 2 2026-01-01T00:01:00Z..2026-01-01T00:02:00Z (why); 2026-01-01T00:03:00Z; decided T; next T" */
static const char *words_of(const struct occurrences *found, struct arena *arena)
{
    char a[40], b[40];
    const char *words = "";
    if (found->missed > 0) {
        format_time_s(a, sizeof a, found->missed_from_ms);
        format_time_s(b, sizeof b, found->missed_to_ms);
        words = arena_printf(arena, "missed %lld %s..%s (%s); ", (long long)found->missed, a + 11, b + 11, found->why);
    }
    for (size_t i = 0; i < found->start_count; i++) {
        format_time_s(a, sizeof a, found->starts[i]);
        words = arena_printf(arena, "%s%s; ", words, a + 11);
    }
    format_time_s(a, sizeof a, found->decided_ms);
    format_time_s(b, sizeof b, found->next_ms);
    return arena_printf(arena, "%sdecided %s, next %s", words, a + 11, b + 11);
}

TEST(what_is_late_by_a_minute_is_on_time_and_what_is_later_is_caught_up_as_the_file_says)
{
    static const struct {
        enum catchup catchup;
        const char *window; /* NULL: none */
        int64_t most;
        const char *decided, *now, *words;
    } rows[] = {
        /* on time */
        {CATCHUP_NONE, NULL, 3, "00:00:00", "00:09:59", "decided 00:00:00Z, next 00:10:00Z"},
        {CATCHUP_NONE, NULL, 3, "00:00:00", "00:10:00", "00:10:00Z; decided 00:10:00Z, next 00:20:00Z"},
        {CATCHUP_NONE, NULL, 3, "00:00:00", "00:11:00", "00:10:00Z; decided 00:10:00Z, next 00:20:00Z"},
        {CATCHUP_NONE, NULL, 3, "00:00:00", "00:11:01",
         "missed 1 00:10:00Z..00:10:00Z (catchup: none); decided 00:10:00Z, next 00:20:00Z"},
        {CATCHUP_NONE, NULL, 3, "00:00:00", "00:30:30",
         "missed 2 00:10:00Z..00:20:00Z (catchup: none); 00:30:00Z; decided 00:30:00Z, next 00:40:00Z"},
        /* one */
        {CATCHUP_ONE, NULL, 3, "00:00:00", "00:11:01", "00:10:00Z; decided 00:10:00Z, next 00:20:00Z"},
        {CATCHUP_ONE, NULL, 3, "00:00:00", "00:35:00",
         "missed 2 00:10:00Z..00:20:00Z (catchup: one, the last is run); 00:30:00Z; decided 00:30:00Z, next 00:40:00Z"},
        {CATCHUP_ONE, NULL, 3, "00:00:00", "00:30:30",
         "missed 2 00:10:00Z..00:20:00Z (catchup: one, and one that is due now is run); 00:30:00Z; decided 00:30:00Z, "
         "next 00:40:00Z"},
        {CATCHUP_ONE, "4m", 3, "00:00:00", "00:35:00",
         "missed 3 00:10:00Z..00:30:00Z (longer ago than catchup_window, 4m); decided 00:30:00Z, next 00:40:00Z"},
        /* all */
        {CATCHUP_ALL, NULL, 3, "00:00:00", "00:35:00",
         "00:10:00Z; 00:20:00Z; 00:30:00Z; decided 00:30:00Z, next 00:40:00Z"},
        {CATCHUP_ALL, NULL, 3, "00:00:00", "00:45:00",
         "missed 1 00:10:00Z..00:10:00Z (catchup_limit: the last 3 are run); 00:20:00Z; 00:30:00Z; 00:40:00Z; decided "
         "00:40:00Z, next 00:50:00Z"},
        {CATCHUP_ALL, NULL, 3, "00:00:00", "00:50:30", /* one that is due now does not count */
         "missed 1 00:10:00Z..00:10:00Z (catchup_limit: the last 3 are run); 00:20:00Z; 00:30:00Z; 00:40:00Z; "
         "00:50:00Z; decided 00:50:00Z, next 01:00:00Z"},
        {CATCHUP_ALL, "20m", 3, "00:00:00", "00:35:00",
         "missed 1 00:10:00Z..00:10:00Z (longer ago than catchup_window, 20m); 00:20:00Z; 00:30:00Z; decided "
         "00:30:00Z, next 00:40:00Z"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct timetable table = table_of("*/10 * * * *", rows[i].catchup);
        struct occurrences found;
        table.most = rows[i].most;
        if (rows[i].window != NULL) {
            assert_int_equal(parse_duration_ms(str_from(rows[i].window), &table.window_ms, NULL), 0);
        }
        occurrences_decide(&table, at(arena_printf(arena, "2026-01-01T%sZ", rows[i].decided)),
                           at(arena_printf(arena, "2026-01-01T%sZ", rows[i].now)), arena, &found);
        assert_string_equal(words_of(&found, arena), rows[i].words);
    }
    arena_free(arena);
}

/* Whatever is asked when: each occurrence is decided once, in order, and none is left out. */
static void walk(enum catchup catchup, int64_t most, int64_t jitter_ms, uint64_t seed)
{
    struct rng rng;
    struct timetable table = table_of("*/7 * * * *", catchup);
    int64_t now_ms = at("2026-01-01T00:00:00Z");
    int64_t expected = occurrence_next_ms(&table, now_ms);
    int64_t decided_ms = now_ms;
    int64_t last_start = 0;
    table.most = most;
    table.jitter_ms = jitter_ms;
    rng_seed(&rng, seed);
    for (int i = 0; i < 200; i++) {
        struct arena *arena = arena_new();
        struct occurrences found;
        now_ms += (int64_t)rng_below(&rng, rng_below(&rng, 3) == 0 ? 100 * 60000 : 9 * 60000);
        occurrences_decide(&table, decided_ms, now_ms, arena, &found);
        for (int64_t k = 0; k < found.missed; k++) {
            assert_true(expected >= found.missed_from_ms && expected <= found.missed_to_ms);
            expected = occurrence_next_ms(&table, expected);
        }
        for (size_t k = 0; k < found.start_count; k++) {
            assert_int_equal(found.starts[k], expected);
            assert_true(found.starts[k] > last_start && occurrence_start_ms(&table, expected) <= now_ms);
            last_start = found.starts[k];
            expected = occurrence_next_ms(&table, expected);
        }
        assert_int_equal(found.next_ms, expected);
        assert_true(found.decided_ms < expected && found.decided_ms >= decided_ms);
        assert_true(occurrence_start_ms(&table, expected) > now_ms);
        decided_ms = found.decided_ms;
        arena_free(arena);
    }
}

TEST(each_occurrence_is_decided_once_and_in_order)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        walk(CATCHUP_NONE, 5, 0, seed);
        walk(CATCHUP_ONE, 5, 0, seed);
        walk(CATCHUP_ALL, 5, 0, seed);
        walk(CATCHUP_ALL, 1000, 300000, seed);
    }
}

TEST(a_year_of_minutes_is_decided_in_parts_and_ends_with_the_last_of_them)
{
    struct timetable table = table_of("* * * * *", CATCHUP_ALL);
    struct arena *arena = arena_new();
    struct occurrences found;
    int64_t decided_ms = at("2025-01-01T00:00:00Z");
    int64_t now_ms = at("2026-01-01T00:00:00Z");
    int64_t missed = 0;
    int parts = 0;
    table.most = 7;
    do {
        occurrences_decide(&table, decided_ms, now_ms, arena, &found);
        assert_true(found.decided_ms > decided_ms);
        missed += found.missed;
        decided_ms = found.decided_ms;
        arena_reset(arena);
        parts++;
    } while (found.start_count == 0);
    assert_int_equal(missed + (int64_t)found.start_count, 365 * 24 * 60);
    assert_int_equal(found.start_count, 9); /* 7, and two that are no more than a minute late */
    assert_int_equal(decided_ms, now_ms);
    assert_in_range(parts, 52, 60);
    arena_free(arena);
}

TEST(a_jitter_is_a_delay_that_is_always_the_same_and_spreads_schedules)
{
    struct timetable table = table_of("0 0 * * *", CATCHUP_NONE);
    int64_t day = at("2026-05-05T00:00:00Z");
    int64_t least = INT64_MAX;
    int64_t most = 0;
    table.jitter_ms = 600000;
    for (int i = 0; i < 1000; i++) {
        char name[40];
        (void)snprintf(name, sizeof name, "pipeline-%d", i);
        table.seed = timetable_seed(name, "nightly");
        int64_t delay = occurrence_start_ms(&table, day) - day;
        assert_int_equal(occurrence_start_ms(&table, day) - day, delay);
        assert_in_range(delay, 0, 600000);
        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
    }
    assert_true(least < 6000 && most > 594000);
    assert_true(timetable_seed("a", "bc") != timetable_seed("ab", "c"));
    table.jitter_ms = 0;
    assert_int_equal(occurrence_start_ms(&table, day), day);
    assert_true(occurrence_start_ms(&table, INT64_MAX) == INT64_MAX);
}

TEST(the_heap_gives_the_soonest_first)
{
    enum { COUNT = 500 };
    struct schedule schedules[COUNT] = {0};
    struct schedule_heap heap = {0};
    struct rng rng;
    int64_t last = 0;
    rng_seed(&rng, 7);
    assert_null(schedule_heap_top(&heap));
    for (int i = 0; i < COUNT; i++) {
        schedules[i].start_ms = (int64_t)rng_below(&rng, 1000);
        schedule_heap_add(&heap, &schedules[i]);
    }
    for (int i = 0; i < 3 * COUNT; i++) {
        struct schedule *top = schedule_heap_top(&heap);
        assert_true(top->start_ms >= last);
        last = top->start_ms;
        top->start_ms += (int64_t)rng_below(&rng, 1000);
        schedule_heap_settle(&heap);
    }
    vec_clear(&heap);
}

TEST(an_occurrence_minds_the_run_before_it_as_the_file_says)
{
    static const struct {
        enum overlap overlap;
        size_t open, waiting;
        enum overlap_verdict verdict;
    } rows[] = {
        {OVERLAP_ALLOW, 0, 0, OVERLAP_STARTS},
        {OVERLAP_ALLOW, 5, 5, OVERLAP_STARTS},
        {OVERLAP_SKIP, 0, 0, OVERLAP_STARTS},
        {OVERLAP_SKIP, 1, 0, OVERLAP_IS_SKIPPED},
        {OVERLAP_QUEUE, 0, 0, OVERLAP_STARTS},
        {OVERLAP_QUEUE, 1, 0, OVERLAP_WAITS},
        {OVERLAP_QUEUE, 0, 1, OVERLAP_WAITS}, /* nobody goes past who waits */
        {OVERLAP_QUEUE_ONE, 0, 0, OVERLAP_STARTS},
        {OVERLAP_QUEUE_ONE, 1, 0, OVERLAP_WAITS},
        {OVERLAP_QUEUE_ONE, 1, 1, OVERLAP_REPLACES},
        {OVERLAP_QUEUE_ONE, 0, 1, OVERLAP_REPLACES},
        {OVERLAP_CANCEL_RUNNING, 0, 0, OVERLAP_STARTS},
        {OVERLAP_CANCEL_RUNNING, 2, 0, OVERLAP_CANCELS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(overlap_decide(rows[i].overlap, rows[i].open, rows[i].waiting), rows[i].verdict);
    }
}

TESTS(RUN(what_is_late_by_a_minute_is_on_time_and_what_is_later_is_caught_up_as_the_file_says),
      RUN(each_occurrence_is_decided_once_and_in_order),
      RUN(a_year_of_minutes_is_decided_in_parts_and_ends_with_the_last_of_them),
      RUN(a_jitter_is_a_delay_that_is_always_the_same_and_spreads_schedules), RUN(the_heap_gives_the_soonest_first),
      RUN(an_occurrence_minds_the_run_before_it_as_the_file_says))
