/* SPDX-License-Identifier: Apache-2.0
 * Runs that are cancelled, or whose time is over.
 */
#include "run_driver.h"

TEST(cancelling_stops_what_runs_and_cancels_what_did_not_begin)
{
    struct driver d = driver_of(MAKE({.id = "a"}, {.id = "b", .needs = "a"}, {.id = "r"}), NULL);
    driver_begin(&d);
    struct run_place place;
    assert_true(run_take_ready(d.run, 5, &d.changes, &place));
    driver_cancel(&d, "cancelled by eva");
    assert_string_equal(driver_actions(&d), "stop a[0]: cancel");
    assert_string_equal(driver_states(&d), "running: a=active b=pending r=cancelled");
    assert_string_equal(driver_start(&d), "");
    driver_cancel(&d, "again");
    assert_string_equal(driver_actions(&d), "");
    driver_end(&d, "a", ATTEMPT_STATE_CANCELLED, "stopped");
    assert_string_equal(driver_states(&d), "cancelled: a=cancelled b=cancelled r=cancelled");
    assert_string_equal(d.run->reason, "cancelled by eva");
    assert_string_equal(step_at(&d, "b")->reason, "cancelled by eva");
    driver_free(&d);
}

TEST(after_a_cancel_only_what_asks_for_it_runs)
{
    struct driver d = driver_of(MAKE({.id = "a"}, {.id = "b", .needs = "a", .condition = "always()"},
                                     {.id = "c", .needs = "a", .condition = "cancelled()"},
                                     {.id = "f", .needs = "a", .condition = "failure()"},
                                     {.id = "s", .needs = "a", .condition = "success()"}, {.id = "p", .needs = "b"}),
                                NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    driver_cancel(&d, "by hand");
    driver_end(&d, "a", ATTEMPT_STATE_CANCELLED, NULL);
    assert_string_equal(driver_states(&d), "running: a=cancelled b=ready c=ready f=skipped s=skipped p=pending");
    assert_string_equal(driver_start(&d), "b c");
    driver_succeed(&d, "b");
    driver_fail(&d, "c");
    assert_string_equal(driver_states(&d),
                        "cancelled: a=cancelled b=succeeded c=failed f=skipped s=skipped p=cancelled");
    driver_free(&d);
}

TEST(a_failure_after_a_cancel_is_not_retried)
{
    struct driver d = driver_of(MAKE({.id = "a", .retry = {.attempts = 5, .on = RETRY_FAILURE | RETRY_LOST}}), NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    driver_cancel(&d, "by hand");
    driver_fail(&d, "a");
    assert_string_equal(driver_states(&d), "cancelled: a=failed");
    driver_free(&d);
}

TEST(a_queued_run_can_be_cancelled)
{
    struct driver d = driver_of(MAKE({.id = "a"}, {.id = "b", .needs = "a"}), NULL);
    driver_cancel(&d, "by hand");
    assert_string_equal(driver_states(&d), "cancelled: a=cancelled b=cancelled");
    driver_free(&d);
}

TEST(a_retry_that_is_due_later_and_a_wait_are_cancelled_at_once)
{
    struct driver d = driver_of(
        MAKE({.id = "a",
              .retry = {.attempts = 2, .on = RETRY_FAILURE, .delay_ms = 1000, .factor = 1, .max_delay_ms = 1000}},
             {.id = "w"}),
        NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    driver_fail(&d, "a");
    driver_apply(&d,
                 (struct run_event){.kind = RUN_EVENT_WAITING, .place = place_at(&d, "w"), .reason = "waits for eva"});
    driver_cancel(&d, "by hand");
    assert_string_equal(driver_actions(&d), "withdraw w[0]: by hand");
    assert_string_equal(driver_states(&d), "cancelled: a=cancelled w=cancelled");
    driver_free(&d);
}

TEST(a_step_whose_wait_is_over_but_that_has_not_gone_on_lets_go_of_its_attempt_when_cancelled)
{
    struct driver d = driver_of(MAKE({.id = "w"}), NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_WAITING, .place = place_at(&d, "w"), .reason = "waits"});
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_WAIT_OVER, .place = place_at(&d, "w")});
    driver_cancel(&d, "by hand");
    assert_string_equal(driver_actions(&d), "withdraw w[0]: by hand");
    assert_string_equal(driver_states(&d), "cancelled: w=cancelled");
    driver_free(&d);
}

TEST(the_runs_timeout_fails_it_and_failure_steps_run)
{
    struct driver d = driver_of(MAKE({.id = "a"}, {.id = "f", .needs = "a", .condition = "failure()"},
                                     {.id = "t", .needs = "a", .condition = "always()"}, {.id = "b", .needs = "a"}),
                                NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_TIMEOUT, .reason = "ran longer than 6h"});
    assert_string_equal(driver_actions(&d), "stop a[0]: timeout");
    driver_end(&d, "a", ATTEMPT_STATE_CANCELLED, NULL);
    assert_string_equal(driver_start(&d), "f t");
    driver_succeed(&d, "f");
    driver_succeed(&d, "t");
    assert_string_equal(driver_states(&d), "failed: a=cancelled f=succeeded t=succeeded b=cancelled");
    assert_string_equal(d.run->reason, "ran longer than 6h");
    driver_free(&d);
}

TEST(a_step_that_was_cancelled_by_itself_cancels_the_run)
{
    struct driver d = driver_of(MAKE({.id = "approve"}, {.id = "b", .needs = "approve"}), NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    driver_end(&d, "approve", ATTEMPT_STATE_CANCELLED, "withdrawn for a newer request");
    assert_string_equal(driver_states(&d), "cancelled: approve=cancelled b=skipped");
    assert_string_equal(step_at(&d, "b")->reason, "'approve' was cancelled");
    assert_string_equal(d.run->reason, "step 'approve': withdrawn for a newer request");
    driver_free(&d);
}

TESTS(RUN(cancelling_stops_what_runs_and_cancels_what_did_not_begin), RUN(after_a_cancel_only_what_asks_for_it_runs),
      RUN(a_failure_after_a_cancel_is_not_retried), RUN(a_queued_run_can_be_cancelled),
      RUN(a_retry_that_is_due_later_and_a_wait_are_cancelled_at_once),
      RUN(a_step_whose_wait_is_over_but_that_has_not_gone_on_lets_go_of_its_attempt_when_cancelled),
      RUN(the_runs_timeout_fails_it_and_failure_steps_run), RUN(a_step_that_was_cancelled_by_itself_cancels_the_run))
