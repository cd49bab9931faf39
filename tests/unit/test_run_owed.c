/* SPDX-License-Identifier: Apache-2.0
 * What a step owes: one that has changed something outside, and ends before it is done with it, is started again.
 */
#include "run_driver.h"

static struct driver owing(const struct run_options *options)
{
    struct driver d = driver_of(MAKE({.id = "deploy"}, {.id = "after", .needs = "deploy"}), options);
    driver_begin(&d);
    assert_string_equal(driver_start(&d), "deploy");
    item_at(&d, "deploy")->owes = 1;
    return d;
}

static void ended(struct driver *d, enum attempt_state state, const char *reason)
{
    driver_apply(d, (struct run_event){.kind = RUN_EVENT_ENDED,
                                       .place = place_at(d, "deploy"),
                                       .ended = state,
                                       .exit_code = -1,
                                       .reason = reason});
}

TEST(whatever_ends_an_attempt_that_owes_starts_another_at_once)
{
    static const enum attempt_state ends[] = {ATTEMPT_STATE_FAILED, ATTEMPT_STATE_TIMED_OUT, ATTEMPT_STATE_LOST,
                                              ATTEMPT_STATE_CANCELLED};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct driver d = owing(NULL);
        ended(&d, ends[i], "killed");
        assert_int_equal(item_at(&d, "deploy")->state, STEP_STATE_READY);
        assert_string_equal(item_at(&d, "deploy")->reason, "puts right what attempt 1 has left: killed");
        assert_string_equal(driver_start(&d), "deploy");
        assert_int_equal(item_at(&d, "deploy")->attempts, 2);
        item_at(&d, "deploy")->owes = 0;
        ended(&d, ATTEMPT_STATE_FAILED, "rolled back");
        assert_int_equal(d.run->state, RUN_STATE_FAILED);
        assert_string_equal(step_at(&d, "deploy")->reason, "rolled back");
        driver_free(&d);
    }
}

TEST(a_step_that_owes_and_succeeds_is_done)
{
    struct driver d = owing(NULL);
    ended(&d, ATTEMPT_STATE_SUCCEEDED, NULL);
    assert_int_equal(step_at(&d, "deploy")->state, STEP_STATE_SUCCEEDED);
    assert_int_equal(item_at(&d, "deploy")->owes, 0);
    driver_free(&d);
}

TEST(a_cancelled_wait_that_owes_is_withdrawn_and_put_right_in_the_cancelled_run)
{
    struct driver d = owing(NULL);
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_WAITING, .place = place_at(&d, "deploy"), .reason = "lasts"});
    driver_cancel(&d, "cancelled by ann");
    assert_int_equal(d.changes.actions.count, 1);
    assert_int_equal(d.changes.actions.items[0].kind, RUN_ACTION_WITHDRAW);
    assert_int_equal(item_at(&d, "deploy")->state, STEP_STATE_READY);
    assert_false(item_at(&d, "deploy")->resumed);
    assert_int_equal(d.run->state, RUN_STATE_RUNNING);
    assert_string_equal(driver_start(&d), "deploy");
    item_at(&d, "deploy")->owes = 0;
    ended(&d, ATTEMPT_STATE_FAILED, "rolled back");
    assert_int_equal(d.run->state, RUN_STATE_CANCELLED);
    assert_int_equal(step_at(&d, "after")->state, STEP_STATE_CANCELLED);
    driver_free(&d);
}

TEST(one_whose_wait_is_over_is_put_right_once_and_not_twice_in_the_queue)
{
    struct driver d = owing(NULL);
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_WAITING, .place = place_at(&d, "deploy"), .reason = "lasts"});
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_WAIT_OVER, .place = place_at(&d, "deploy")});
    driver_cancel(&d, "stop");
    assert_int_equal(d.changes.actions.items[0].kind, RUN_ACTION_WITHDRAW);
    assert_string_equal(driver_start(&d), "deploy");
    assert_int_equal(item_at(&d, "deploy")->attempts, 2);
    assert_string_equal(driver_start(&d), "");
    driver_free(&d);
}

TEST(what_puts_right_is_not_stopped_by_a_cancel)
{
    struct driver d = owing(NULL);
    ended(&d, ATTEMPT_STATE_LOST, "lost");
    assert_string_equal(driver_start(&d), "deploy");
    driver_cancel(&d, "stop");
    assert_int_equal(d.changes.actions.count, 0);
    assert_int_equal(item_at(&d, "deploy")->state, STEP_STATE_ACTIVE);
    ended(&d, ATTEMPT_STATE_FAILED, "the target is away"); /* which is tried again, later */
    assert_int_equal(item_at(&d, "deploy")->state, STEP_STATE_DELAYED);
    assert_int_equal(item_at(&d, "deploy")->due_ms, d.now_ms + RUN_REPAIR_DELAY_MS);
    assert_int_equal(d.changes.actions.items[0].kind, RUN_ACTION_WAKE);
    driver_free(&d);
}

TEST(one_that_is_ready_or_delayed_to_put_right_stays_so_when_the_run_is_cancelled)
{
    struct driver d = owing(NULL);
    ended(&d, ATTEMPT_STATE_LOST, "lost");
    driver_cancel(&d, "stop");
    assert_int_equal(item_at(&d, "deploy")->state, STEP_STATE_READY);
    assert_int_equal(item_at(&d, "deploy")->owes, 2);
    driver_free(&d);
    d = owing(NULL);
    ended(&d, ATTEMPT_STATE_LOST, "lost");
    (void)driver_start(&d);
    ended(&d, ATTEMPT_STATE_LOST, "lost");
    driver_cancel(&d, "stop");
    assert_int_equal(item_at(&d, "deploy")->state, STEP_STATE_DELAYED);
    assert_int_equal(d.run->state, RUN_STATE_RUNNING);
    driver_free(&d);
}

TEST(it_is_given_up_after_so_many_attempts)
{
    struct driver d = owing(NULL);
    for (int i = 0; i < RUN_MOST_REPAIRS; i++) {
        ended(&d, ATTEMPT_STATE_FAILED, "away");
        d.now_ms += 60000;
        driver_apply(&d, (struct run_event){.kind = RUN_EVENT_DUE});
        assert_string_equal(driver_start(&d), "deploy");
    }
    ended(&d, ATTEMPT_STATE_FAILED, "away");
    assert_int_equal(step_at(&d, "deploy")->state, STEP_STATE_FAILED);
    assert_string_equal(step_at(&d, "deploy")->reason,
                        "away; what it has left was not put right in 3 more attempts");
    assert_int_equal(item_at(&d, "deploy")->attempts, 1 + RUN_MOST_REPAIRS);
    driver_free(&d);
}

TESTS(RUN(whatever_ends_an_attempt_that_owes_starts_another_at_once), RUN(a_step_that_owes_and_succeeds_is_done),
      RUN(a_cancelled_wait_that_owes_is_withdrawn_and_put_right_in_the_cancelled_run),
      RUN(one_whose_wait_is_over_is_put_right_once_and_not_twice_in_the_queue),
      RUN(what_puts_right_is_not_stopped_by_a_cancel),
      RUN(one_that_is_ready_or_delayed_to_put_right_stays_so_when_the_run_is_cancelled),
      RUN(it_is_given_up_after_so_many_attempts))
