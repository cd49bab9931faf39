/* SPDX-License-Identifier: Apache-2.0 */
#include "run/next_start.h"

#include "test.h"

/* Two slots, four cores, one device. */
static struct stock stocks[] = {
    {.of = {.name = {RESOURCE_SLOT, 4}, .amount = 2}},
    {.of = {.name = {RESOURCE_CPU, 3}, .amount = 4}},
    {.of = {.name = {RESOURCE_GPU, 3}, .amount = 1}},
};
enum { STOCKS = 3 };

static void hold(int64_t slots, int64_t cores, int64_t devices)
{
    stocks[0].used = slots;
    stocks[1].used = cores;
    stocks[2].used = devices;
}

static struct resource_ask one_core = {.name = {RESOURCE_CPU, 3}, .amount = 1};
static struct resource_ask four_cores = {.name = {RESOURCE_CPU, 3}, .amount = 4};
static struct resource_ask two_devices = {.name = {RESOURCE_GPU, 3}, .amount = 2};
static struct resource_ask device = {.name = {RESOURCE_GPU, 3}, .amount = 1};
static struct resource_ask licence = {.name = {"licence", 7}, .amount = 1};

static struct starter asking(const struct resource_ask *ask)
{
    return (struct starter){.asks = ask, .ask_count = ask == NULL ? 0 : 1};
}

static ptrdiff_t next(struct starter *starters, size_t count)
{
    return next_start(starters, count, stocks, STOCKS);
}

TEST(the_first_starts_and_nothing_when_nobody_asks)
{
    struct starter starters[] = {asking(NULL), asking(NULL)};
    hold(1, 0, 0);
    assert_int_equal(next(starters, 2), 0);
    assert_int_equal(next(starters, 0), -1);
}

TEST(nobody_gets_what_is_held_or_is_not_there)
{
    struct starter starters[] = {asking(&device), asking(NULL)};
    hold(1, 0, 1);
    assert_int_equal(next(starters, 2), 1);
    hold(1, 0, 0);
    assert_int_equal(next(starters, 2), 0);
    starters[0] = asking(&two_devices);
    assert_int_equal(next(starters, 1), -1);
    starters[0] = asking(&licence);
    assert_int_equal(next(starters, 1), -1);
}

TEST(who_comes_first)
{
    static const struct {
        struct starter a, b;
        int first;
    } rows[] = {
        {{.priority = 0}, {.priority = 1}, 1},
        {{.priority = -1}, {.priority = -2}, 0},
        {{.overtaken = OVERTAKEN_MAX}, {.priority = 1}, 1},
        {{.pipeline_held = 1}, {.pipeline_held = 0, .pipeline_turn = 9}, 1},
        {{.pipeline_turn = 3}, {.pipeline_turn = 2, .root_held = 1}, 1},
        {{.root_held = 1}, {.root_turn = 5}, 1},
        {{.root_turn = 4}, {.root_turn = 5, .run_turn = -1}, 0},
        {{.run_turn = 4}, {.run_turn = 3, .arrived = 7}, 1},
        {{.arrived = 4}, {.arrived = 3}, 1},
        {{.pipeline_held = 2, .overtaken = OVERTAKEN_MAX}, {.pipeline_turn = 1}, 0},
        {{.overtaken = OVERTAKEN_MAX - 1, .arrived = 1}, {.arrived = 0}, 1},
        {{.arrived = 1}, {.arrived = 1}, 0},
    };
    hold(0, 0, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct starter starters[] = {rows[i].a, rows[i].b};
        assert_int_equal(next(starters, 2), rows[i].first);
    }
}

TEST(one_that_does_not_fit_lets_others_pass_and_is_counted_only_when_they_take_what_it_lacks)
{
    struct starter starters[] = {asking(&four_cores), asking(&device), asking(&one_core)};
    for (int i = 0; i < 3; i++) {
        starters[i].arrived = i;
    }
    hold(0, 1, 0);
    assert_int_equal(next(starters, 3), 1);
    assert_false(starters[0].passed);
    hold(0, 1, 1);
    assert_int_equal(next(starters, 3), 2);
    assert_true(starters[0].passed);
    assert_false(starters[1].passed);
}

TEST(what_one_that_was_passed_too_often_asks_for_is_kept_for_it)
{
    struct starter starters[] = {asking(&one_core), asking(&four_cores), asking(NULL)};
    starters[1].overtaken = OVERTAKEN_MAX;
    starters[2].arrived = 1;
    hold(0, 1, 0);
    assert_int_equal(next(starters, 3), 2);
    assert_int_equal(next(starters, 2), -1);
    hold(0, 0, 0);
    assert_int_equal(next(starters, 3), 1);
    starters[0].priority = 1; /* a priority is stronger */
    hold(0, 1, 0);
    assert_int_equal(next(starters, 3), 0);
}

/* A stream of small steps: the large one starts after OVERTAKEN_MAX of them, though there is always one running. */
TEST(a_large_step_does_not_starve_behind_small_ones)
{
    int started = 0;
    int64_t running = 1; /* small ones, a core each; each lives for two starts */
    struct starter starters[] = {asking(&four_cores), asking(&one_core)};
    bool large = false;
    for (int round = 0; round < 100 && !large; round++) {
        starters[1].arrived = round + 1;
        hold(0, running, 0);
        ptrdiff_t chosen = next(starters, 2);
        large = chosen == 0;
        started += chosen == 1 ? 1 : 0;
        starters[0].overtaken += chosen == 1 && starters[0].passed ? 1 : 0;
        running = chosen == 1 ? 1 : running - 1;
    }
    assert_true(large);
    assert_int_equal(started, OVERTAKEN_MAX);
}

/* One slot, a wide pipeline and a narrow one, and a third that comes later: each gets its turn in turn. */
TEST(one_slot_goes_round_between_pipelines)
{
    struct starter starters[3] = {asking(NULL), asking(NULL), asking(NULL)};
    int64_t starts = 0;
    int order[9];
    for (int i = 0; i < 9; i++) {
        hold(1, 0, 0);
        ptrdiff_t chosen = next(starters, i < 3 ? 2 : 3);
        assert_true(chosen >= 0);
        order[i] = (int)chosen;
        starters[chosen].pipeline_turn = ++starts;
        starters[2].pipeline_turn = i < 3 ? starts : starters[2].pipeline_turn;
    }
    static const int expected[] = {0, 1, 0, 1, 0, 2, 1, 0, 2};
    assert_memory_equal(order, expected, sizeof order);
}

TESTS(RUN(the_first_starts_and_nothing_when_nobody_asks), RUN(nobody_gets_what_is_held_or_is_not_there),
      RUN(who_comes_first),
      RUN(one_that_does_not_fit_lets_others_pass_and_is_counted_only_when_they_take_what_it_lacks),
      RUN(what_one_that_was_passed_too_often_asks_for_is_kept_for_it),
      RUN(a_large_step_does_not_starve_behind_small_ones), RUN(one_slot_goes_round_between_pipelines))
