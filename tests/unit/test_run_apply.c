/* SPDX-License-Identifier: Apache-2.0
 * How a run goes: order, failure, skipping, refusal, cancelling, waiting, child runs, --until, carrying.
 */
#include "run_driver.h"

TEST(a_chain_goes_step_by_step)
{
    struct driver d = driver_of(MAKE({.id = "a"}, {.id = "b", .needs = "a"}, {.id = "c", .needs = "b"}), NULL);
    assert_string_equal(driver_states(&d), "queued: a=pending b=pending c=pending");
    assert_string_equal(driver_start(&d), "");
    driver_begin(&d);
    assert_true(d.changes.run);
    assert_string_equal(driver_states(&d), "running: a=ready b=pending c=pending");
    assert_non_null(run_first_ready(d.run));
    assert_string_equal(driver_start(&d), "a");
    assert_null(run_first_ready(d.run));
    assert_int_equal(run_active_count(d.run), 1);
    assert_int_equal(item_at(&d, "a")->attempts, 1);
    assert_int_equal(item_at(&d, "a")->started_ms, d.now_ms);
    driver_succeed(&d, "a");
    assert_int_equal(item_at(&d, "a")->ended_ms, d.now_ms);
    assert_string_equal(driver_states(&d), "running: a=succeeded b=ready c=pending");
    assert_string_equal(driver_start(&d), "b");
    driver_succeed(&d, "b");
    assert_string_equal(driver_start(&d), "c");
    driver_succeed(&d, "c");
    assert_string_equal(driver_states(&d), "succeeded: a=succeeded b=succeeded c=succeeded");
    assert_true(d.changes.run);
    assert_null(d.run->reason);
    assert_int_equal(d.run->verdict, VERDICT_NONE);
    driver_free(&d);
}

TEST(a_diamond_joins_when_both_sides_are_done)
{
    struct driver d = driver_of(
        MAKE({.id = "a"}, {.id = "b", .needs = "a"}, {.id = "c", .needs = "a"}, {.id = "d", .needs = "b c"}), NULL);
    driver_begin(&d);
    assert_string_equal(driver_start(&d), "a");
    driver_succeed(&d, "a");
    assert_string_equal(driver_start(&d), "b c");
    driver_succeed(&d, "c");
    assert_string_equal(driver_start(&d), "");
    driver_succeed(&d, "b");
    assert_string_equal(driver_start(&d), "d");
    driver_succeed(&d, "d");
    assert_int_equal(d.run->state, RUN_STATE_SUCCEEDED);
    driver_free(&d);
}

TEST(a_pipeline_without_steps_succeeds_at_once)
{
    struct made made = make_pipeline(NULL, 0);
    struct driver d = driver_of(made, NULL);
    driver_begin(&d);
    assert_string_equal(driver_states(&d), "succeeded:");
    driver_free(&d);
}

TEST(what_is_below_a_failure_is_skipped_with_the_reason_and_the_rest_goes_on)
{
    struct driver d =
        driver_of(MAKE({.id = "a"}, {.id = "b", .needs = "a"}, {.id = "c", .needs = "b"}, {.id = "other"}), NULL);
    driver_begin(&d);
    assert_string_equal(driver_start(&d), "a other");
    driver_fail(&d, "a");
    assert_string_equal(driver_states(&d), "running: a=failed b=skipped c=skipped other=active");
    assert_string_equal(step_at(&d, "a")->reason, "exit code 1");
    assert_string_equal(step_at(&d, "b")->reason, "'a' failed");
    assert_string_equal(step_at(&d, "c")->reason, "'b' was skipped");
    assert_true(step_at(&d, "c")->after_failure);
    driver_succeed(&d, "other");
    assert_int_equal(d.run->state, RUN_STATE_FAILED);
    assert_string_equal(d.run->reason, "step 'a': exit code 1");
    driver_free(&d);
}

TEST(a_need_with_a_question_mark_accepts_a_skipped_step_but_no_failed_one)
{
    struct driver d = driver_of(MAKE({.id = "a", .condition = "false"}, {.id = "b", .needs = "a?"},
                                     {.id = "c", .needs = "a"}, {.id = "f"}, {.id = "g", .needs = "f?"}),
                                NULL);
    driver_begin(&d);
    assert_string_equal(driver_states(&d), "running: a=skipped b=ready c=skipped f=ready g=pending");
    assert_string_equal(step_at(&d, "a")->reason, "its condition was false: false");
    assert_string_equal(step_at(&d, "c")->reason, "'a' was skipped");
    assert_false(step_at(&d, "c")->after_failure);
    assert_string_equal(driver_start(&d), "f b");
    driver_fail(&d, "f");
    assert_string_equal(step_at(&d, "g")->reason, "'f' failed");
    driver_succeed(&d, "b");
    assert_int_equal(d.run->state, RUN_STATE_FAILED);
    driver_free(&d);
}

TEST(an_error_that_may_be_lets_the_run_go_on_and_succeed)
{
    struct driver d = driver_of(MAKE({.id = "a", .continue_on_error = true}, {.id = "b", .needs = "a"}), NULL);
    driver_begin(&d);
    assert_string_equal(driver_start(&d), "a");
    driver_fail(&d, "a");
    assert_string_equal(driver_start(&d), "b");
    driver_succeed(&d, "b");
    assert_string_equal(driver_states(&d), "succeeded: a=failed b=succeeded");
    driver_free(&d);
}

TEST(a_refusal_that_fails_makes_the_verdict_refused_and_is_not_retried)
{
    struct driver d = driver_of(
        MAKE({.id = "gate", .retry = {.attempts = 5, .on = RETRY_FAILURE}}, {.id = "b", .needs = "gate"}), NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_ENDED,
                                        .place = place_at(&d, "gate"),
                                        .ended = ATTEMPT_STATE_FAILED,
                                        .refused = true,
                                        .exit_code = -1,
                                        .reason = "rmse <= 0.7: 0.9"});
    assert_string_equal(driver_states(&d), "failed: gate=failed b=skipped");
    assert_string_equal(step_at(&d, "gate")->reason, "rmse <= 0.7: 0.9");
    assert_int_equal(d.run->verdict, VERDICT_REFUSED);
    driver_free(&d);
}

TEST(a_refusal_that_skips_lets_the_run_succeed_and_names_the_rule_below)
{
    struct driver d =
        driver_of(MAKE({.id = "gate"}, {.id = "register", .needs = "gate"}, {.id = "promote", .needs = "register"},
                       {.id = "report", .needs = "gate?"}, {.id = "tidy", .needs = "promote", .condition = "always()"}),
                  NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    item_at(&d, "gate")->refused_by = "rmse <= 0.7: 0.9";
    driver_succeed(&d, "gate");
    assert_string_equal(driver_states(&d),
                        "running: gate=succeeded register=skipped promote=skipped report=ready tidy=ready");
    assert_string_equal(step_at(&d, "register")->reason, "refused by gate: rmse <= 0.7: 0.9");
    assert_string_equal(step_at(&d, "promote")->reason, "refused by gate: rmse <= 0.7: 0.9");
    assert_false(step_at(&d, "promote")->after_failure);
    assert_string_equal(driver_start(&d), "report tidy");
    driver_succeed(&d, "report");
    driver_succeed(&d, "tidy");
    assert_int_equal(d.run->state, RUN_STATE_SUCCEEDED);
    assert_int_equal(d.run->verdict, VERDICT_REFUSED);
    driver_free(&d);
}

TEST(a_gate_that_passes_makes_the_verdict_passed)
{
    struct driver d = driver_of(MAKE({.id = "gate"}, {.id = "b", .needs = "gate"}), NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    item_at(&d, "gate")->gate_passed = true;
    driver_succeed(&d, "gate");
    assert_string_equal(driver_start(&d), "b");
    driver_succeed(&d, "b");
    assert_int_equal(d.run->verdict, VERDICT_PASSED);
    driver_free(&d);
}

TEST(an_attempt_that_is_made_again_forgets_what_the_last_one_said)
{
    struct driver d = driver_of(MAKE({.id = "a", .retry = {.attempts = 2, .on = RETRY_FAILURE}}), NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    struct run_item *item = item_at(&d, "a");
    json_set(d.run->arena, &item->outputs, "n", json_int(1));
    json_set(d.run->arena, &item->metrics, "rmse", json_number(0.5));
    item->model_id = item->model_uri = "m-1";
    item->gate_passed = true;
    item->child_run_id = "c1";
    driver_fail(&d, "a");
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_DUE});
    assert_string_equal(driver_start(&d), "a");
    item = item_at(&d, "a");
    assert_int_equal(item->attempts, 2);
    assert_int_equal(item->outputs.u.object.count, 0);
    assert_int_equal(item->metrics.u.object.count, 0);
    assert_null(item->model_id);
    assert_false(item->gate_passed);
    assert_null(item->child_run_id);
    driver_fail(&d, "a");
    assert_int_equal(d.run->state, RUN_STATE_FAILED);
    assert_int_equal(d.run->verdict, VERDICT_NONE);
    driver_free(&d);
}

TEST(a_wait_holds_the_run_and_the_same_attempt_goes_on)
{
    struct driver d = driver_of(MAKE({.id = "approve"}, {.id = "b", .needs = "approve"}), NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    json_set(d.run->arena, &item_at(&d, "approve")->outputs, "asked", json_int(1));
    driver_apply(&d,
                 (struct run_event){.kind = RUN_EVENT_WAITING, .place = place_at(&d, "approve"), .reason = "2 more"});
    assert_string_equal(driver_states(&d), "waiting: approve=active b=pending");
    assert_int_equal(item_at(&d, "approve")->state, STEP_STATE_WAITING);
    assert_string_equal(item_at(&d, "approve")->reason, "2 more");
    assert_true(d.changes.run);
    assert_int_equal(run_active_count(d.run), 0);
    driver_apply(
        &d, (struct run_event){.kind = RUN_EVENT_WAIT_OVER, .place = place_at(&d, "approve"), .reason = "approved"});
    assert_int_equal(d.run->state, RUN_STATE_RUNNING);
    assert_string_equal(driver_start(&d), "approve");
    assert_int_equal(item_at(&d, "approve")->attempts, 1);
    assert_int_equal(json_get_int(&item_at(&d, "approve")->outputs, "asked", 0), 1);
    driver_succeed(&d, "approve");
    assert_string_equal(driver_start(&d), "b");
    driver_free(&d);
}

TEST(a_run_waits_only_when_nothing_else_is_left)
{
    struct driver d = driver_of(MAKE({.id = "w"}, {.id = "a"}), NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_WAITING, .place = place_at(&d, "w")});
    assert_int_equal(d.run->state, RUN_STATE_RUNNING);
    driver_succeed(&d, "a");
    assert_int_equal(d.run->state, RUN_STATE_WAITING);
    driver_end(&d, "w", ATTEMPT_STATE_FAILED, "expired");
    assert_string_equal(driver_states(&d), "failed: w=failed a=succeeded");
    driver_free(&d);
}

TEST(a_child_run_that_waits_makes_its_parent_wait_and_is_cancelled_with_it)
{
    struct driver d = driver_of(MAKE({.id = "sub"}), NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    item_at(&d, "sub")->child_run_id = "c1";
    driver_apply(&d,
                 (struct run_event){.kind = RUN_EVENT_WAITING, .place = place_at(&d, "sub"), .reason = "child waits"});
    assert_int_equal(d.run->state, RUN_STATE_WAITING);
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_WAIT_OVER, .place = place_at(&d, "sub")});
    assert_int_equal(item_at(&d, "sub")->state, STEP_STATE_ACTIVE);
    assert_string_equal(driver_start(&d), "");
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_WAITING, .place = place_at(&d, "sub")});
    driver_cancel(&d, "by hand");
    assert_string_equal(driver_actions(&d), "cancel child sub[0]: cancel");
    assert_false(run_state_is_terminal(d.run->state));
    driver_end(&d, "sub", ATTEMPT_STATE_CANCELLED, "by hand");
    assert_string_equal(driver_states(&d), "cancelled: sub=cancelled");
    driver_free(&d);
}

/* News that crossed with a cancel, or came twice: what is terminal stays as it is. */
TEST(late_news_changes_nothing)
{
    struct driver d =
        driver_of(MAKE({.id = "w"}, {.id = "a"}, {.id = "b", .retry = {.attempts = 3, .on = RETRY_FAILURE}}), NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_WAITING, .place = place_at(&d, "w")});
    driver_fail(&d, "b");
    driver_fail(&d, "b");
    assert_int_equal(item_at(&d, "b")->state, STEP_STATE_DELAYED);
    driver_cancel(&d, "by hand");
    assert_string_equal(driver_states(&d), "running: w=cancelled a=active b=cancelled");
    static const enum run_event_kind kinds[] = {RUN_EVENT_WAIT_OVER, RUN_EVENT_WAITING, RUN_EVENT_ENDED, RUN_EVENT_DUE};
    for (size_t i = 0; i < 8; i++) {
        const char *name = i % 2 == 0 ? "w" : "b";
        driver_apply(&d, (struct run_event){.kind = kinds[i / 2],
                                            .place = place_at(&d, name),
                                            .ended = ATTEMPT_STATE_SUCCEEDED,
                                            .reason = "late"});
        assert_int_equal(d.changes.items.count, 0);
        assert_int_equal(item_at(&d, name)->state, STEP_STATE_CANCELLED);
        assert_string_equal(item_at(&d, name)->reason, "by hand");
        assert_null(run_first_ready(d.run));
    }
    driver_end(&d, "a", ATTEMPT_STATE_CANCELLED, NULL);
    assert_string_equal(driver_states(&d), "cancelled: w=cancelled a=cancelled b=cancelled");
    driver_free(&d);
}

TEST(until_leaves_out_what_is_not_needed)
{
    struct run_options options = {.until = "c"};
    struct driver d =
        driver_of(MAKE({.id = "a"}, {.id = "b", .needs = "a"}, {.id = "c", .needs = "a"}, {.id = "e", .needs = "c"},
                       {.id = "x"}, {.id = "t", .needs = "c", .condition = "always()"}),
                  &options);
    driver_begin(&d);
    assert_string_equal(driver_start(&d), "a");
    assert_string_equal(step_at(&d, "x")->reason, "not needed for --until");
    driver_succeed(&d, "a");
    assert_string_equal(driver_start(&d), "c");
    driver_succeed(&d, "c");
    assert_string_equal(driver_states(&d),
                        "succeeded: a=succeeded b=skipped c=succeeded e=skipped x=skipped t=skipped");
    driver_free(&d);
}

TEST(a_kept_result_ends_an_item_without_an_attempt)
{
    struct driver d = driver_of(MAKE({.id = "a"}, {.id = "b", .needs = "a"}), NULL);
    driver_begin(&d);
    assert_string_equal(driver_start(&d), "a");
    struct json outputs = json_object();
    json_set(d.made.arena, &outputs, "n", json_int(5));
    struct run_item kept = {.state = STEP_STATE_SUCCEEDED, .attempts = 3, .started_ms = 1, .ended_ms = 2,
                            .outputs = outputs, .model_id = "m-1", .step_run_id = "r-old", .key = "7-old"};
    driver_apply(&d, (struct run_event){
                         .kind = RUN_EVENT_REUSED, .place = place_at(&d, "a"), .kept = &kept, .kept_from = "11"});
    const struct run_item *item = item_at(&d, "a");
    assert_string_equal(driver_states(&d), "running: a=succeeded b=ready");
    assert_true(item->reused);
    assert_string_equal(item->carried_from, "11");
    assert_string_equal(item->key, "");
    assert_string_equal(item->model_id, "m-1");
    assert_string_equal(item->step_run_id, "r-old");
    assert_int_equal(json_get_int(&item->outputs, "n", 0), 5);
    assert_int_equal(item->attempts, 0);
    assert_int_equal(item->ended_ms, d.now_ms);
    driver_apply(&d, (struct run_event){
                         .kind = RUN_EVENT_REUSED, .place = place_at(&d, "a"), .kept = &kept, .kept_from = "12"});
    assert_string_equal(item_at(&d, "a")->carried_from, "11"); /* news of what has ended change nothing */
    driver_free(&d);
}

TESTS(RUN(a_kept_result_ends_an_item_without_an_attempt), RUN(a_chain_goes_step_by_step),
      RUN(a_diamond_joins_when_both_sides_are_done), RUN(a_pipeline_without_steps_succeeds_at_once),
      RUN(what_is_below_a_failure_is_skipped_with_the_reason_and_the_rest_goes_on),
      RUN(a_need_with_a_question_mark_accepts_a_skipped_step_but_no_failed_one),
      RUN(an_error_that_may_be_lets_the_run_go_on_and_succeed),
      RUN(a_refusal_that_fails_makes_the_verdict_refused_and_is_not_retried),
      RUN(a_refusal_that_skips_lets_the_run_succeed_and_names_the_rule_below),
      RUN(a_gate_that_passes_makes_the_verdict_passed),
      RUN(an_attempt_that_is_made_again_forgets_what_the_last_one_said),
      RUN(a_wait_holds_the_run_and_the_same_attempt_goes_on), RUN(a_run_waits_only_when_nothing_else_is_left),
      RUN(a_child_run_that_waits_makes_its_parent_wait_and_is_cancelled_with_it), RUN(late_news_changes_nothing),
      RUN(until_leaves_out_what_is_not_needed))
