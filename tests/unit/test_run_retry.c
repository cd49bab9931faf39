/* SPDX-License-Identifier: Apache-2.0
 * When an attempt is made again, and how long after.
 */
#include "run_driver.h"

TEST(the_delay_doubles_up_to_its_cap)
{
    struct retry_policy policy = {.attempts = 9, .delay_ms = 1000, .factor = 2, .max_delay_ms = 10000};
    static const int64_t delays[] = {1000, 2000, 4000, 8000, 10000, 10000, 10000};
    for (int i = 0; i < 7; i++) {
        assert_int_equal(run_retry_delay_ms(&policy, 2 + i, 1, 0, 0), delays[i]);
    }
    assert_int_equal(run_retry_delay_ms(&policy, 2000000, 1, 0, 0), 10000); /* the power is infinite */
    policy.factor = 1;
    assert_int_equal(run_retry_delay_ms(&policy, 1000, 1, 0, 0), 1000);
    policy.factor = 1.5;
    assert_int_equal(run_retry_delay_ms(&policy, 4, 1, 0, 0), 2250);
    policy.delay_ms = 0;
    assert_int_equal(run_retry_delay_ms(&policy, 4, 1, 0, 0), 0);
}

TEST(full_jitter_is_uniform_from_nothing_to_the_delay_and_repeats_with_the_seed)
{
    struct retry_policy policy = {.attempts = 9, .delay_ms = 1000, .factor = 2, .max_delay_ms = 3000, .jitter = true};
    static const int64_t most[] = {1000, 2000, 3000};
    for (int next = 2; next < 5; next++) {
        int64_t sum = 0;
        int64_t least_seen = INT64_MAX;
        int64_t most_seen = 0;
        for (uint64_t seed = 0; seed < 2000; seed++) {
            int64_t delay = run_retry_delay_ms(&policy, next, seed, 3, 1);
            assert_true(delay >= 0 && delay <= most[next - 2]);
            assert_int_equal(delay, run_retry_delay_ms(&policy, next, seed, 3, 1));
            sum += delay;
            least_seen = delay < least_seen ? delay : least_seen;
            most_seen = delay > most_seen ? delay : most_seen;
        }
        assert_in_range(sum / 2000, most[next - 2] * 47 / 100, most[next - 2] * 53 / 100);
        assert_true(least_seen < most[next - 2] / 50 && most_seen > most[next - 2] * 49 / 50);
    }
    int same = 0;
    for (size_t i = 0; i < 100; i++) {
        same += run_retry_delay_ms(&policy, 2, 1, i, 0) == run_retry_delay_ms(&policy, 2, 1, i + 1, 0);
        same += run_retry_delay_ms(&policy, 2, 1, 0, i) == run_retry_delay_ms(&policy, 2, 1, 0, i + 1);
    }
    assert_true(same < 10); /* steps that fail together do not come back together */
}

TEST(only_what_the_policy_names_is_retried)
{
    static const int codes[] = {75, 111};
    enum { ALL = RETRY_FAILURE | RETRY_TIMEOUT | RETRY_LOST | RETRY_OOM };
    static const struct {
        unsigned on;
        bool with_codes;
        struct run_event ended;
        bool again;
    } cases[] = {
        {RETRY_FAILURE, false, {.ended = ATTEMPT_STATE_FAILED, .exit_code = 1}, true},
        {RETRY_FAILURE, false, {.ended = ATTEMPT_STATE_FAILED, .exit_code = -1}, true},
        {RETRY_FAILURE, false, {.ended = ATTEMPT_STATE_TIMED_OUT, .exit_code = -1}, false},
        {RETRY_FAILURE, false, {.ended = ATTEMPT_STATE_LOST, .exit_code = -1}, false},
        {RETRY_TIMEOUT, false, {.ended = ATTEMPT_STATE_TIMED_OUT, .exit_code = -1}, true},
        {RETRY_TIMEOUT, false, {.ended = ATTEMPT_STATE_FAILED, .exit_code = 1}, false},
        {RETRY_LOST, false, {.ended = ATTEMPT_STATE_LOST, .exit_code = -1}, true},
        {RETRY_LOST, false, {.ended = ATTEMPT_STATE_LOST, .exit_code = -1, .no_retry = true}, false},
        {RETRY_OOM, false, {.ended = ATTEMPT_STATE_FAILED, .exit_code = 137, .out_of_memory = true}, true},
        {RETRY_OOM, false, {.ended = ATTEMPT_STATE_FAILED, .exit_code = 137}, false},
        {0, true, {.ended = ATTEMPT_STATE_FAILED, .exit_code = 75}, true},
        {0, true, {.ended = ATTEMPT_STATE_FAILED, .exit_code = 111}, true},
        {0, true, {.ended = ATTEMPT_STATE_FAILED, .exit_code = 1}, false},
        {0, true, {.ended = ATTEMPT_STATE_TIMED_OUT, .exit_code = 75}, false},
        {0, false, {.ended = ATTEMPT_STATE_FAILED, .exit_code = 75}, false},
        {ALL, true, {.ended = ATTEMPT_STATE_FAILED, .exit_code = 75, .refused = true}, false},
        {ALL, true, {.ended = ATTEMPT_STATE_CANCELLED, .exit_code = 75}, false},
        {ALL, true, {.ended = ATTEMPT_STATE_SUCCEEDED, .exit_code = 0}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct retry_policy policy = {.attempts = 3, .on = cases[i].on};
        policy.exit_codes = codes;
        policy.exit_code_count = cases[i].with_codes ? 2 : 0;
        for (int attempts = 1; attempts < 5; attempts++) {
            if (run_should_retry(&policy, attempts, &cases[i].ended) != (cases[i].again && attempts < 3)) {
                fail_msg("row %zu, attempt %d", i, attempts);
            }
        }
    }
}

TEST(a_failed_attempt_is_made_again_when_it_is_due)
{
    struct driver d = driver_of(MAKE({.id = "a",
                                      .retry = {.attempts = 3,
                                                .on = RETRY_FAILURE | RETRY_TIMEOUT,
                                                .delay_ms = 1000,
                                                .factor = 2,
                                                .max_delay_ms = 60000}},
                                     {.id = "b", .needs = "a"}),
                                NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    driver_fail(&d, "a");
    int64_t due_ms = d.now_ms + 1000;
    assert_string_equal(driver_actions(&d), arena_printf(d.made.arena, "wake a[0]: %lld", (long long)due_ms));
    assert_string_equal(driver_states(&d), "running: a=active b=pending");
    assert_int_equal(item_at(&d, "a")->state, STEP_STATE_DELAYED);
    assert_int_equal(item_at(&d, "a")->due_ms, due_ms);
    assert_string_equal(item_at(&d, "a")->reason, "attempt 1: exit code 1");
    assert_string_equal(driver_start(&d), "");
    d.now_ms = due_ms - 11;
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_DUE});
    assert_string_equal(driver_start(&d), "");
    d.now_ms = due_ms - 10;
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_DUE});
    assert_int_equal(item_at(&d, "a")->due_ms, 0);
    assert_string_equal(driver_start(&d), "a");
    assert_int_equal(item_at(&d, "a")->attempts, 2);
    driver_end(&d, "a", ATTEMPT_STATE_TIMED_OUT, "ran longer than 1h");
    assert_int_equal(item_at(&d, "a")->due_ms, d.now_ms + 2000);
    d.now_ms += 2000;
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_DUE});
    assert_string_equal(driver_start(&d), "a");
    driver_succeed(&d, "a");
    assert_int_equal(item_at(&d, "a")->attempts, 3);
    assert_null(item_at(&d, "a")->reason);
    assert_string_equal(driver_start(&d), "b");
    driver_free(&d);
}

TEST(the_last_attempts_failure_is_the_steps)
{
    struct driver d = driver_of(MAKE({.id = "a", .retry = {.attempts = 2, .on = RETRY_FAILURE}}), NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    driver_end(&d, "a", ATTEMPT_STATE_FAILED, "first");
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_DUE});
    (void)driver_start(&d);
    driver_end(&d, "a", ATTEMPT_STATE_FAILED, "second");
    assert_string_equal(driver_states(&d), "failed: a=failed");
    assert_string_equal(step_at(&d, "a")->reason, "second");
    driver_free(&d);
}

TEST(an_attempt_that_waited_and_then_failed_is_retried_as_a_new_one)
{
    struct driver d = driver_of(MAKE({.id = "a", .retry = {.attempts = 2, .on = RETRY_FAILURE}}), NULL);
    driver_begin(&d);
    (void)driver_start(&d);
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_WAITING, .place = place_at(&d, "a")});
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_WAIT_OVER, .place = place_at(&d, "a")});
    (void)driver_start(&d);
    assert_int_equal(item_at(&d, "a")->attempts, 1);
    driver_fail(&d, "a");
    driver_apply(&d, (struct run_event){.kind = RUN_EVENT_DUE});
    (void)driver_start(&d);
    assert_int_equal(item_at(&d, "a")->attempts, 2);
    driver_free(&d);
}

TESTS(RUN(the_delay_doubles_up_to_its_cap),
      RUN(full_jitter_is_uniform_from_nothing_to_the_delay_and_repeats_with_the_seed),
      RUN(only_what_the_policy_names_is_retried), RUN(a_failed_attempt_is_made_again_when_it_is_due),
      RUN(the_last_attempts_failure_is_the_steps),
      RUN(an_attempt_that_waited_and_then_failed_is_retried_as_a_new_one))
