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

TEST(a_retry_carries_what_succeeded_and_runs_the_rest)
{
    struct driver first = driver_of(MAKE({.id = "a"}, {.id = "b", .needs = "a"}, {.id = "c", .needs = "b"}), NULL);
    driver_begin(&first);
    (void)driver_start(&first);
    json_set(first.run->arena, &item_at(&first, "a")->outputs, "n", json_cstring(first.run->arena, "kept"));
    driver_succeed(&first, "a");
    (void)driver_start(&first);
    driver_fail(&first, "b");
    assert_int_equal(first.run->state, RUN_STATE_FAILED);

    bool marks[3] = {0};
    run_mark_below(first.made.pipeline, 1, marks);
    assert_true(!marks[0] && marks[1] && marks[2]);
    struct run *again = run_new(first.made.pipeline, "r2", &(struct run_options){.seed = 1});
    run_carry(again, 0, &first.run->steps[0], "12");
    run_free(first.run);
    first.run = again;
    driver_begin(&first);
    assert_string_equal(driver_states(&first), "running: a=succeeded b=ready c=pending");
    assert_string_equal(step_at(&first, "a")->reason, "from run 12");
    assert_string_equal(item_at(&first, "a")->carried_from, "12");
    assert_string_equal(json_get_text(&item_at(&first, "a")->outputs, "n", ""), "kept");
    assert_string_equal(driver_start(&first), "b");
    driver_succeed(&first, "b");
    assert_string_equal(driver_start(&first), "c");
    driver_succeed(&first, "c");
    assert_int_equal(first.run->state, RUN_STATE_SUCCEEDED);
    /* Carried once more, it still names the run that did the work. */
    struct run *third = run_new(first.made.pipeline, "r3", &(struct run_options){.seed = 1});
    for (size_t i = 0; i < 3; i++) {
        run_carry(third, i, &again->steps[i], "13");
    }
    assert_string_equal(third->steps[0].items[0].carried_from, "12");
    assert_string_equal(third->steps[1].items[0].carried_from, "13");
    run_free(first.run);
    first.run = third;
    driver_begin(&first);
    assert_int_equal(third->state, RUN_STATE_SUCCEEDED);
    driver_free(&first);
}

/* Another run of the same pipeline, with the items that were good in step `w` of the first. */
static void retry_of_w(struct driver *d, const char *number)
{
    struct run *again = run_new(d->made.pipeline, "r2", &(struct run_options){.seed = 1});
    run_carry_items(again, place_at(d, "w").step, step_at(d, "w"), number);
    run_free(d->run);
    d->run = again;
    driver_begin(d);
}

TEST(a_retry_of_a_matrix_runs_only_the_items_that_did_not_succeed)
{
    struct driver d = driver_of(MAKE({.id = "w", .matrix = "{\"axes\":{\"a\":[1,2,3,4]}}", .max_parallel = 2},
                                     {.id = "b", .needs = "w", .condition = "steps.w.outputs.n[1] == 20 && "
                                                                            "steps.w.outputs.n[0] == 10"}),
                                NULL);
    driver_begin(&d);
    assert_string_equal(driver_start(&d), "w[0] w[1]");
    driver_fail(&d, "w[0]");
    json_set(d.run->arena, &item_at(&d, "w[1]")->outputs, "n", json_int(20));
    driver_succeed(&d, "w[1]");
    assert_string_equal(driver_start(&d), "w[2] w[3]");
    driver_fail(&d, "w[2]");
    driver_succeed(&d, "w[3]");
    assert_string_equal(driver_states(&d), "failed: w=failed[failed succeeded failed succeeded] b=skipped");

    retry_of_w(&d, "12");
    assert_string_equal(driver_states(&d), "running: w=ready[ready succeeded ready succeeded] b=pending");
    assert_string_equal(item_at(&d, "w[1]")->carried_from, "12");
    assert_null(item_at(&d, "w[0]")->carried_from);
    assert_int_equal(d.changes.items.count, 4); /* each is a row of the new run */
    assert_string_equal(driver_start(&d), "w[0] w[2]");
    assert_int_equal(item_at(&d, "w[0]")->attempts, 1);
    json_set(d.run->arena, &item_at(&d, "w[0]")->outputs, "n", json_int(10));
    driver_succeed(&d, "w[0]");
    driver_fail(&d, "w[2]");
    assert_string_equal(step_at(&d, "w")->reason, "1 of 4 items failed; the first: exit code 1");

    retry_of_w(&d, "12.2"); /* each names the run that did the work */
    assert_string_equal(item_at(&d, "w[0]")->carried_from, "12.2");
    assert_string_equal(item_at(&d, "w[3]")->carried_from, "12");
    assert_string_equal(driver_start(&d), "w[2]");
    driver_succeed(&d, "w[2]");
    assert_string_equal(driver_states(&d), "running: w=succeeded[succeeded succeeded succeeded succeeded] b=ready");
    driver_free(&d);
}

TEST(a_retry_runs_what_fail_fast_cancelled)
{
    struct driver d = driver_of(
        MAKE({.id = "w", .matrix = "{\"axes\":{\"a\":[1,2,3]}}", .max_parallel = 1, .fail_fast = true}), NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    driver_succeed(&d, "w[0]");
    (void)driver_start(&d);
    driver_fail(&d, "w[1]");
    assert_string_equal(driver_states(&d), "failed: w=failed[succeeded failed cancelled]");
    retry_of_w(&d, "1");
    assert_string_equal(driver_states(&d), "running: w=ready[succeeded ready pending]");
    assert_string_equal(driver_start(&d), "w[1]");
    driver_succeed(&d, "w[1]");
    assert_string_equal(driver_start(&d), "w[2]");
    driver_succeed(&d, "w[2]");
    assert_string_equal(driver_states(&d), "succeeded: w=succeeded[succeeded succeeded succeeded]");
    driver_free(&d);
}

TEST(a_retry_keeps_no_item_whose_values_are_others_now)
{
    struct driver d = driver_of(MAKE({.id = "w", .dynamic = "vars.list"}), NULL);
    struct json vars = json_object();
    assert_int_equal(json_read(STR("{\"list\":[{\"a\":1},{\"a\":2},{\"a\":3}]}"), (struct json_limits){0}, d.made.arena,
                               &vars, NULL), 0);
    d.run->vars = vars;
    driver_begin(&d);
    (void)driver_start(&d);
    driver_succeed(&d, "w[0]");
    driver_succeed(&d, "w[1]");
    driver_fail(&d, "w[2]");
    const char *lists[] = {"{\"list\":[{\"a\":1},{\"a\":7}]}", "{\"list\":[{\"a\":1},{\"a\":2}]}"};
    const char *states[] = {"running: w=ready[succeeded ready]", "succeeded: w=succeeded[succeeded succeeded]"};
    struct run_step first = *step_at(&d, "w");
    for (size_t i = 0; i < 2; i++) {
        struct run *again = run_new(d.made.pipeline, "r2", &(struct run_options){.seed = 1});
        assert_int_equal(json_read(str_from(lists[i]), (struct json_limits){0}, again->arena, &again->vars, NULL), 0);
        run_carry_items(again, 0, &first, "1");
        struct driver next = {.made = d.made, .run = again, .now_ms = 5000};
        driver_begin(&next);
        assert_string_equal(driver_states(&next), states[i]);
        run_changes_clear(&next.changes);
        run_free(again);
    }
    driver_free(&d);
}

TEST(a_restart_in_the_middle_of_such_a_retry_forgets_no_item)
{
    struct driver d = driver_of(MAKE({.id = "w", .matrix = "{\"axes\":{\"a\":[1,2,3]}}", .max_parallel = 1}), NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    driver_fail(&d, "w[0]");
    (void)driver_start(&d);
    driver_fail(&d, "w[1]");
    (void)driver_start(&d);
    driver_succeed(&d, "w[2]");
    retry_of_w(&d, "1");
    assert_string_equal(driver_states(&d), "running: w=ready[ready pending succeeded]");
    run_resume(d.run, &d.changes); /* as from the rows */
    assert_string_equal(driver_start(&d), "w[0]");
    driver_succeed(&d, "w[0]");
    assert_string_equal(driver_start(&d), "w[1]");
    driver_succeed(&d, "w[1]");
    assert_string_equal(driver_states(&d), "succeeded: w=succeeded[succeeded succeeded succeeded]");
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

TESTS(RUN(a_kept_result_ends_an_item_without_an_attempt),
      RUN(a_chain_goes_step_by_step), RUN(a_diamond_joins_when_both_sides_are_done),
      RUN(a_pipeline_without_steps_succeeds_at_once),
      RUN(what_is_below_a_failure_is_skipped_with_the_reason_and_the_rest_goes_on),
      RUN(a_need_with_a_question_mark_accepts_a_skipped_step_but_no_failed_one),
      RUN(an_error_that_may_be_lets_the_run_go_on_and_succeed),
      RUN(a_refusal_that_fails_makes_the_verdict_refused_and_is_not_retried),
      RUN(a_refusal_that_skips_lets_the_run_succeed_and_names_the_rule_below),
      RUN(a_gate_that_passes_makes_the_verdict_passed),
      RUN(an_attempt_that_is_made_again_forgets_what_the_last_one_said),
      RUN(cancelling_stops_what_runs_and_cancels_what_did_not_begin), RUN(after_a_cancel_only_what_asks_for_it_runs),
      RUN(a_failure_after_a_cancel_is_not_retried), RUN(a_queued_run_can_be_cancelled),
      RUN(a_retry_that_is_due_later_and_a_wait_are_cancelled_at_once),
      RUN(a_step_whose_wait_is_over_but_that_has_not_gone_on_lets_go_of_its_attempt_when_cancelled),
      RUN(the_runs_timeout_fails_it_and_failure_steps_run), RUN(a_wait_holds_the_run_and_the_same_attempt_goes_on),
      RUN(a_run_waits_only_when_nothing_else_is_left),
      RUN(a_child_run_that_waits_makes_its_parent_wait_and_is_cancelled_with_it),
      RUN(a_step_that_was_cancelled_by_itself_cancels_the_run), RUN(late_news_changes_nothing),
      RUN(until_leaves_out_what_is_not_needed), RUN(a_retry_carries_what_succeeded_and_runs_the_rest),
      RUN(a_retry_of_a_matrix_runs_only_the_items_that_did_not_succeed), RUN(a_retry_runs_what_fail_fast_cancelled),
      RUN(a_retry_keeps_no_item_whose_values_are_others_now),
      RUN(a_restart_in_the_middle_of_such_a_retry_forgets_no_item))
