/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_host.h"
#include "test.h"

static enum step_result run_select(struct fake_host *fake, const char *params)
{
    fake_host_open(fake, "select");
    return fake_host_run(fake, params);
}

TEST(select_picks_the_best_by_mode_and_ties)
{
    static const struct {
        const char *params;
        const char *index, *value, *best;
    } cases[] = {
        {"{\"metric\": [0.1, 0.9, 0.5]}", "1", "0.9", "null"},
        {"{\"metric\": [0.5, 2, 1], \"mode\": \"min\", \"from\": [\"a\", \"b\", \"c\"]}", "0", "0.5", "\"a\""},
        {"{\"metric\": [null, 1, null, 3], \"from\": [{\"lr\": 1}, 2, 3, {\"lr\": 0.1, \"x\": [true, null]}]}", "3",
         "3", "{\"lr\":0.1,\"x\":[true,null]}"},
        {"{\"metric\": [2, 7, 7], \"from\": [1, 2, 3]}", "1", "7", "2"},
        {"{\"metric\": [2, 7, 7], \"from\": [1, 2, 3], \"ties\": \"last\"}", "2", "7", "3"},
        {"{\"metric\": [-1, -2], \"mode\": \"max\", \"from\": null}", "0", "-1", "null"},
        {"{\"metric\": [3, 3, 1, 1], \"mode\": \"min\", \"ties\": \"last\"}", "3", "1", "null"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        assert_int_equal(run_select(&fake, cases[i].params), STEP_OK);
        assert_string_equal(fake_host_output(&fake, "index"), cases[i].index);
        assert_string_equal(fake_host_output(&fake, "value"), cases[i].value);
        assert_string_equal(fake_host_output(&fake, "best"), cases[i].best);
        fake_host_close(&fake);
    }
}

TEST(select_fails_with_the_reason)
{
    static const struct {
        const char *params;
        const char *reason;
    } cases[] = {
        {"{\"metric\": []}", "metric: the list is empty: there is nothing to select from"},
        {"{\"metric\": [null, null]}", "metric: all items are null: no candidate has this metric"},
        {"{\"metric\": [1, \"NaN\"]}", "metric: item 1 is NaN: it cannot be compared"},
        {"{\"metric\": [1, true]}", "metric: item 1 is a boolean: expected a number or null"},
        {"{\"metric\": [\"0.5\"]}", "metric: item 0 is a text: expected a number or null"},
        {"{\"metric\": 3}", "metric: expected a list of numbers, got a number"},
        {"{\"metric\": [1, 2], \"from\": [1]}", "from has 1 candidates, metric has 2 numbers: expected as many"},
        {"{\"metric\": [1], \"from\": \"a\"}", "from: expected a list of candidates"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        assert_int_equal(run_select(&fake, cases[i].params), STEP_FAILED);
        assert_string_equal(fake.failure, cases[i].reason);
        assert_null(fake_host_output(&fake, "index"));
        fake_host_close(&fake);
    }
}

TEST(select_says_how_many_candidates_it_passed_over)
{
    struct fake_host fake;
    assert_int_equal(run_select(&fake, "{\"metric\": [null, 4, null]}"), STEP_OK);
    assert_non_null(strstr(fake.log, "2 of 3 candidates have no metric and are passed over"));
    fake_host_close(&fake);
}

TESTS(RUN(select_picks_the_best_by_mode_and_ties), RUN(select_fails_with_the_reason),
      RUN(select_says_how_many_candidates_it_passed_over))
