/* SPDX-License-Identifier: Apache-2.0
 * Conditions: what `if` decides when a step's needs are all done, and what it says of the steps behind.
 */
#include "run_driver.h"

/* A step `t` with a condition, behind `ok` (succeeds), `bad` (fails), `may` (fails, continue_on_error), `skip`
 * (skipped) and `low` (skipped below bad). What becomes of it? */
static void check_condition_of(const char *needs, const char *condition, const char *state, const char *reason)
{
    struct driver d = driver_of(MAKE({.id = "ok"}, {.id = "bad"}, {.id = "may", .continue_on_error = true},
                                     {.id = "skip", .condition = "params.go == 'no'"}, {.id = "low", .needs = "bad"},
                                     {.id = "t", .needs = needs, .condition = condition}),
                                NULL);
    json_set(d.run->arena, &d.run->params, "go", json_cstring(d.run->arena, "yes"));
    driver_begin(&d);
    (void)driver_start(&d);
    driver_succeed(&d, "ok");
    driver_fail(&d, "bad");
    driver_fail(&d, "may");
    const struct run_step *t = step_at(&d, "t");
    enum step_state found = t->state == STEP_STATE_ACTIVE ? STEP_STATE_READY : t->state; /* it may have begun at once */
    if (strcmp(step_state_name(found), state) != 0) {
        fail_msg("needs '%s', if '%s': %s, %s", needs, condition, step_state_name(t->state), t->reason);
    }
    if (reason != NULL) {
        assert_non_null(t->reason);
        assert_string_equal(t->reason, reason);
    }
    driver_free(&d);
}

TEST(a_condition_is_asked_when_all_needs_are_done)
{
    static const struct {
        const char *needs, *condition, *state, *reason;
    } cases[] = {
        {"ok", NULL, "ready", NULL},
        {"ok", "true", "ready", NULL},
        {"ok", "params.go == 'yes'", "ready", NULL},
        {"ok", "params.go == 'no'", "skipped", "its condition was false: params.go == 'no'"},
        {"ok", "params.gone == 'no'", "failed", NULL},
        {"ok", "params.go", "failed", NULL},
        {"ok", "steps.ok.status == 'succeeded'", "ready", NULL},
        {"ok", "steps.ok.outputs.n ?? false", "skipped", NULL},
        {"bad", "true", "skipped", "'bad' failed"},
        {"bad", "always()", "ready", NULL},
        {"bad", "failure()", "ready", NULL},
        {"bad", "success()", "skipped", "its condition was false: success()"},
        {"bad", "cancelled()", "skipped", NULL},
        {"bad", "!cancelled()", "ready", NULL},
        {"bad", "steps.bad.status == 'failed' && always()", "ready", NULL},
        {"bad", "failure() && params.go == 'no'", "skipped", NULL},
        {"ok bad", "failure()", "ready", NULL},
        {"ok", "failure()", "skipped", NULL},
        {"may", NULL, "ready", NULL},
        {"may", "success()", "ready", NULL},
        {"may", "failure()", "skipped", NULL},
        {"skip", NULL, "skipped", "'skip' was skipped"},
        {"skip?", NULL, "ready", NULL},
        {"skip", "always()", "ready", NULL},
        {"skip", "success()", "skipped", NULL},
        {"skip", "failure()", "skipped", NULL},
        {"skip?", "success()", "ready", NULL},
        {"skip? bad", NULL, "skipped", "'bad' failed"},
        {"low", NULL, "skipped", "'low' was skipped"},
        {"low", "failure()", "ready", NULL},
        {"low", "always()", "ready", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_condition_of(cases[i].needs, cases[i].condition, cases[i].state, cases[i].reason);
    }
}

TEST(a_condition_that_cannot_be_evaluated_says_why)
{
    struct driver d = driver_of(MAKE({.id = "a", .condition = "params.gone == 1"}), NULL);
    driver_begin(&d);
    assert_string_equal(driver_states(&d), "failed: a=failed");
    assert_memory_equal(step_at(&d, "a")->reason, "if: ", 4);
    assert_non_null(strstr(step_at(&d, "a")->reason, "params.gone is missing"));
    driver_free(&d);
}

TEST(without_needs_success_holds_and_failure_does_not)
{
    struct driver d = driver_of(MAKE({.id = "a", .condition = "success()"}, {.id = "b", .condition = "failure()"},
                                     {.id = "c", .condition = "cancelled()"}, {.id = "d", .condition = "always()"}),
                                NULL);
    driver_begin(&d);
    assert_string_equal(driver_states(&d), "running: a=ready b=skipped c=skipped d=ready");
    driver_free(&d);
}

/* A step with a status function of its own that does not run because of a failure hands the failure on. */
TEST(failure_is_seen_through_a_step_that_was_skipped_by_its_condition)
{
    struct driver d = driver_of(MAKE({.id = "a"}, {.id = "b", .needs = "a", .condition = "success() && true"},
                                     {.id = "c", .needs = "b", .condition = "failure()"}, {.id = "n", .needs = "b"}),
                                NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    driver_fail(&d, "a");
    assert_string_equal(driver_states(&d), "running: a=failed b=skipped c=ready n=skipped");
    driver_free(&d);
}

TEST(a_refusal_is_named_through_a_step_that_was_skipped_by_its_condition)
{
    struct driver d = driver_of(
        MAKE({.id = "gate"}, {.id = "b", .needs = "gate", .condition = "success() && true"}, {.id = "c", .needs = "b"}),
        NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    item_at(&d, "gate")->refused_by = "r2 >= 0.3: 0.1";
    driver_succeed(&d, "gate");
    assert_string_equal(driver_states(&d), "succeeded: gate=succeeded b=skipped c=skipped");
    assert_true(step_at(&d, "b")->refused);
    assert_true(step_at(&d, "c")->refused);
    assert_false(step_at(&d, "c")->after_failure);
    assert_string_equal(step_at(&d, "c")->reason, "'b' was skipped");
    driver_free(&d);
}

TEST(a_long_chain_is_skipped_without_recursion)
{
    enum { COUNT = 20000 };
    struct arena *arena = arena_new();
    struct made_step *rows = arena_array(arena, COUNT, sizeof *rows);
    for (size_t i = 0; i < COUNT; i++) {
        rows[i].id = arena_printf(arena, "s%zu", i);
    }
    struct driver d = driver_of(make_pipeline(rows, COUNT), NULL);
    struct step *steps = (struct step *)(uintptr_t)d.made.pipeline->steps;
    run_free(d.run);
    for (size_t i = 1; i < COUNT; i++) {
        struct step_need *need = arena_one(arena, struct step_need);
        need->step = i - 1;
        steps[i].needs = need;
        steps[i].need_count = 1;
    }
    d.run = run_new(d.made.pipeline, "r1", &(struct run_options){.seed = 1});
    driver_begin(&d);
    (void)driver_start(&d);
    driver_fail(&d, "s0");
    assert_int_equal(d.run->state, RUN_STATE_FAILED);
    assert_int_equal(step_at(&d, "s19999")->state, STEP_STATE_SKIPPED);
    assert_string_equal(step_at(&d, "s19999")->reason, "'s19998' was skipped");
    driver_free(&d);
    arena_free(arena);
}

TESTS(RUN(a_condition_is_asked_when_all_needs_are_done), RUN(a_condition_that_cannot_be_evaluated_says_why),
      RUN(without_needs_success_holds_and_failure_does_not),
      RUN(failure_is_seen_through_a_step_that_was_skipped_by_its_condition),
      RUN(a_refusal_is_named_through_a_step_that_was_skipped_by_its_condition),
      RUN(a_long_chain_is_skipped_without_recursion))
