/* SPDX-License-Identifier: Apache-2.0 */
#include "run/concurrency.h"

#include "run_driver.h"
#include "test.h"

/* Members as letters: r runs, R runs and is being cancelled, w waits, q queued, b queued again after a wait. The last
 * is the newcomer. Fates: . stays, s skipped, x superseded, c cancelled. */
static const char *fates(const char *letters, enum concurrency_policy policy, int64_t limit)
{
    static char out[16];
    struct member members[16] = {0};
    size_t count = strlen(letters);
    for (size_t i = 0; i < count; i++) {
        char c = letters[i];
        members[i] = (struct member){
            .state = c == 'q' || c == 'b' ? RUN_STATE_QUEUED : c == 'w' ? RUN_STATE_WAITING : RUN_STATE_RUNNING,
            .begun = c != 'q',
            .cancelling = c == 'R',
            .created_ms = (int64_t)i,
            .number = (int64_t)i,
        };
    }
    group_arrival(members, count, count - 1, policy, limit);
    for (size_t i = 0; i < count; i++) {
        out[i] = ".sxc"[members[i].fate];
    }
    out[count] = '\0';
    return out;
}

TEST(a_newcomer_waits_gives_up_or_takes_the_place_of_others)
{
    static const struct {
        const char *members;
        enum concurrency_policy policy;
        int64_t limit;
        const char *fates;
    } rows[] = {
        {"q", CONCURRENCY_QUEUE, 1, "."},
        {"rqq", CONCURRENCY_QUEUE, 1, "..."},
        {"q", CONCURRENCY_SKIP, 1, "."},
        {"rq", CONCURRENCY_SKIP, 1, ".s"},
        {"Rq", CONCURRENCY_SKIP, 1, ".s"},
        {"rq", CONCURRENCY_SKIP, 2, ".."},
        {"wq", CONCURRENCY_SKIP, 1, ".."},
        {"bq", CONCURRENCY_SKIP, 1, ".s"},
        {"rqq", CONCURRENCY_LATEST, 1, ".x."},
        {"rbqwqq", CONCURRENCY_LATEST, 1, "..x.x."},
        {"rq", CONCURRENCY_LATEST, 1, ".."},
        {"rq", CONCURRENCY_CANCEL_RUNNING, 1, "c."},
        {"rqq", CONCURRENCY_CANCEL_RUNNING, 1, "cx."},
        {"Rqq", CONCURRENCY_CANCEL_RUNNING, 1, ".x."},
        {"rrq", CONCURRENCY_CANCEL_RUNNING, 2, "c.."},
        {"Rrq", CONCURRENCY_CANCEL_RUNNING, 2, "..."},
        {"rrq", CONCURRENCY_CANCEL_RUNNING, 3, "..."},
        {"wbq", CONCURRENCY_CANCEL_RUNNING, 1, "..."},
        {"rrrq", CONCURRENCY_CANCEL_RUNNING, 1, "ccc."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(fates(rows[i].members, rows[i].policy, rows[i].limit), rows[i].fates);
    }
}

TEST(who_has_waited_comes_first_then_priority_then_age)
{
    static const struct member order[] = {
        {.begun = true, .created_ms = 9, .priority = -1}, {.priority = 5, .created_ms = 9},
        {.created_ms = 1, .number = 1},                   {.created_ms = 1, .number = 2},
        {.created_ms = 2, .number = 1},
    };
    for (size_t i = 0; i + 1 < sizeof order / sizeof order[0]; i++) {
        assert_true(group_order(&order[i], &order[i + 1]) < 0);
        assert_true(group_order(&order[i + 1], &order[i]) > 0);
    }
}

static struct driver an_approval(void)
{
    struct driver d = driver_of(MAKE({.id = "ask"}, {.id = "act", .needs = "ask"},
                                     {.id = "tidy", .needs = "act", .condition = "always()"}),
                                NULL);
    d.run->grouped = true;
    return d;
}

static void apply_at(struct driver *d, const char *step, enum run_event_kind kind)
{
    driver_apply(d, (struct run_event){.kind = kind, .place = place_at(d, step), .exit_code = -1, .reason = "why"});
}

TEST(a_run_of_a_group_that_waited_is_queued_until_it_may_go_on)
{
    struct driver d = an_approval();
    driver_begin(&d);
    assert_int_equal(d.run->state, RUN_STATE_RUNNING);
    (void)driver_start(&d);
    apply_at(&d, "ask", RUN_EVENT_WAITING);
    assert_int_equal(d.run->state, RUN_STATE_WAITING);
    apply_at(&d, "ask", RUN_EVENT_WAIT_OVER);
    assert_int_equal(d.run->state, RUN_STATE_QUEUED);
    driver_begin(&d);
    assert_int_equal(d.run->state, RUN_STATE_RUNNING);
    assert_string_equal(driver_start(&d), "ask");
    driver_free(&d);
}

TEST(one_that_is_cancelled_in_the_queue_tidies_up_without_a_place)
{
    struct driver d = an_approval();
    driver_begin(&d);
    (void)driver_start(&d);
    apply_at(&d, "ask", RUN_EVENT_WAITING);
    apply_at(&d, "ask", RUN_EVENT_WAIT_OVER);
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_CANCEL, .reason = "by ada"});
    assert_int_equal(d.run->state, RUN_STATE_RUNNING);
    assert_string_equal(driver_start(&d), "tidy");
    driver_free(&d);
}

TEST(one_that_never_began_ends_at_once_and_tidies_nothing_up)
{
    struct driver d = an_approval();
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_CANCEL, .reason = "superseded"});
    assert_int_equal(d.run->state, RUN_STATE_CANCELLED);
    assert_string_equal(d.run->reason, "superseded");
    assert_int_equal(step_at(&d, "tidy")->state, STEP_STATE_CANCELLED);
    assert_string_equal(driver_start(&d), "");
    driver_free(&d);
}

TESTS(RUN(a_newcomer_waits_gives_up_or_takes_the_place_of_others),
      RUN(who_has_waited_comes_first_then_priority_then_age),
      RUN(a_run_of_a_group_that_waited_is_queued_until_it_may_go_on),
      RUN(one_that_is_cancelled_in_the_queue_tidies_up_without_a_place),
      RUN(one_that_never_began_ends_at_once_and_tidies_nothing_up))
