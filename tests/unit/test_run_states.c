/* SPDX-License-Identifier: Apache-2.0 */
#include "run/states.h"

#include "test.h"

TEST(every_state_has_a_name_that_reads_back)
{
    for (int i = RUN_STATE_QUEUED; i <= RUN_STATE_CANCELLED; i++) {
        assert_int_equal(run_state_parse(run_state_name((enum run_state)i)), i);
    }
    for (int i = STEP_STATE_PENDING; i <= STEP_STATE_SKIPPED; i++) {
        assert_int_equal(step_state_parse(step_state_name((enum step_state)i)), i);
    }
    for (int i = ATTEMPT_STATE_STARTING; i <= ATTEMPT_STATE_LOST; i++) {
        assert_int_equal(attempt_state_parse(attempt_state_name((enum attempt_state)i)), i);
    }
    for (int i = VERDICT_NONE; i <= VERDICT_REFUSED; i++) {
        assert_int_equal(verdict_parse(verdict_name((enum verdict)i)), i);
    }
    assert_string_equal(run_state_name(RUN_STATE_WAITING), "waiting");
    assert_string_equal(step_state_name(STEP_STATE_SKIPPED), "skipped");
    assert_string_equal(step_state_name(STEP_STATE_SUCCEEDED), "succeeded");
    assert_string_equal(attempt_state_name(ATTEMPT_STATE_TIMED_OUT), "timed_out");
    assert_string_equal(verdict_name(VERDICT_REFUSED), "refused");
}

TEST(an_unknown_name_is_minus_one)
{
    static const char *const unknown[] = {"", "Running", "succeeded ", "done"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_int_equal(run_state_parse(unknown[i]), -1);
        assert_int_equal(step_state_parse(unknown[i]), -1);
        assert_int_equal(attempt_state_parse(unknown[i]), -1);
        assert_int_equal(verdict_parse(unknown[i]), -1);
    }
    assert_int_equal(run_state_parse("skipped"), -1);
    assert_int_equal(step_state_parse("queued"), -1);
}

TEST(what_has_ended_is_terminal)
{
    static const bool runs[] = {false, false, false, true, true, true};
    static const bool steps[] = {false, false, false, false, false, true, true, true, true};
    static const bool attempts[] = {false, false, false, true, true, true, true, true};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        assert_int_equal(run_state_is_terminal((enum run_state)i), runs[i]);
    }
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        assert_int_equal(step_state_is_terminal((enum step_state)i), steps[i]);
    }
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        assert_int_equal(attempt_state_is_terminal((enum attempt_state)i), attempts[i]);
    }
}

TESTS(RUN(every_state_has_a_name_that_reads_back), RUN(an_unknown_name_is_minus_one), RUN(what_has_ended_is_terminal))
