/* SPDX-License-Identifier: Apache-2.0
 * Runs that are retried: what is carried from the one before, and what runs again.
 */
#include "run_driver.h"

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

TEST(of_a_matrix_one_item_alone_may_be_asked_for)
{
    struct driver d = driver_of(MAKE({.id = "w", .matrix = "{\"axes\":{\"a\":[1,2,3]}}"}), NULL);
    driver_begin(&d);
    char key[sizeof item_at(&d, "w[1]")->key];
    memcpy(key, item_at(&d, "w[1]")->key, sizeof key);
    for (int there = 1; there >= 0; there--) {
        struct run *again = run_new(d.made.pipeline, "r2", &(struct run_options){.seed = 1});
        run_only_item(again, 0, there == 1 ? key : "1-00000000");
        struct driver next = {.made = d.made, .run = again, .now_ms = 5000};
        driver_begin(&next);
        if (there == 1) {
            assert_string_equal(driver_states(&next), "running: w=ready[skipped ready skipped]");
            run_resume(again, &next.changes); /* as from the rows */
            assert_string_equal(driver_start(&next), "w[1]");
            driver_succeed(&next, "w[1]");
            assert_string_equal(driver_states(&next), "succeeded: w=succeeded[skipped succeeded skipped]");
        } else {
            assert_string_equal(driver_states(&next), "failed: w=failed[skipped skipped skipped]");
            assert_string_equal(step_at(&next, "w")->reason, "its matrix has no item 1-00000000 any more");
        }
        run_changes_clear(&next.changes);
        run_free(again);
    }
    driver_free(&d);
}

TESTS(RUN(a_retry_carries_what_succeeded_and_runs_the_rest),
      RUN(a_retry_of_a_matrix_runs_only_the_items_that_did_not_succeed), RUN(a_retry_runs_what_fail_fast_cancelled),
      RUN(a_retry_keeps_no_item_whose_values_are_others_now),
      RUN(a_restart_in_the_middle_of_such_a_retry_forgets_no_item), RUN(of_a_matrix_one_item_alone_may_be_asked_for))
