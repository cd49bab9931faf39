/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_host.h"
#include "test.h"

TEST(alias_asks_with_what_it_expects)
{
    static const struct {
        const char *params, *asked, *reply, *previous;
    } cases[] = {
        {"{\"model\": \"wine\", \"version\": 4, \"set\": \"champion\"}",
         "{\"name\":\"wine\",\"alias\":\"champion\",\"version\":4}", "{\"previous\": 3, \"version\": 4}", "3"},
        {"{\"model\": \"wine\", \"version\": \"4\", \"set\": \"champion\", \"expect\": null}",
         "{\"name\":\"wine\",\"alias\":\"champion\",\"version\":4,\"expect\":null}",
         "{\"previous\": null, \"version\": 4}", "null"},
        {"{\"model\": \"wine\", \"version\": 4, \"set\": \"champion\", \"expect\": \"3\", \"keep\": \"last\"}",
         "{\"name\":\"wine\",\"alias\":\"champion\",\"version\":4,\"expect\":3,\"keep\":\"last\"}",
         "{\"previous\": 3, \"version\": 4}", "3"},
        {"{\"model\": \"wine\", \"version\": 4, \"set\": \"champion\", \"expect\": 4, \"keep\": \"\"}",
         "{\"name\":\"wine\",\"alias\":\"champion\",\"version\":4,\"expect\":4}", "{\"previous\": 4, \"version\": 4}",
         "4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        fake_host_open(&fake, "alias");
        fake_host_reply(&fake, "registry.alias", 0, cases[i].reply);
        assert_int_equal(fake_host_run(&fake, cases[i].params), STEP_OK);
        assert_string_equal(fake_host_called(&fake, "registry.alias"), cases[i].asked);
        assert_string_equal(fake_host_output(&fake, "previous"), cases[i].previous);
        assert_string_equal(fake_host_output(&fake, "version"), "4");
        fake_host_close(&fake);
    }
}

TEST(alias_fails_with_the_reason)
{
    static const struct {
        const char *params, *reason;
    } cases[] = {
        {"{\"model\": \"wine\", \"version\": 4, \"set\": \"champion\", \"expect\": 2}",
         "'champion' points to version 3, not 2"},
        {"{\"model\": \"wine\", \"version\": \"x4\", \"set\": \"champion\"}", "version: 'x4' is not a whole number"},
        {"{\"model\": \"wine\", \"version\": 0, \"set\": \"champion\"}",
         "version: 0 is no version: expected 1 or more"},
        {"{\"model\": \"wine\", \"version\": 1.5, \"set\": \"champion\"}",
         "version: expected a whole number, got a number"},
        {"{\"model\": \"wine\", \"version\": 4, \"set\": \"champion\", \"expect\": \"\"}",
         "expect: expected a whole number, got a text"},
        {"{\"model\": \"wine\", \"version\": 4, \"set\": \"a\", \"keep\": \"a\"}",
         "keep: 'a' is the alias that is set: expected another"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        fake_host_open(&fake, "alias");
        fake_host_reply(&fake, "registry.alias", -1,
                        "{\"error\": \"state\", \"message\": \"'champion' points to version 3, not 2\"}");
        assert_int_equal(fake_host_run(&fake, cases[i].params), STEP_FAILED);
        assert_string_equal(fake.failure, cases[i].reason);
        fake_host_close(&fake);
    }
}

static enum step_result run_second_attempt(struct fake_host *fake, int64_t attempt, const char *points_to)
{
    fake_host_open(fake, "alias");
    fake->context.attempt = attempt;
    fake_host_reply(fake, "registry.alias", -1, "{\"error\": \"state\", \"message\": \"it points elsewhere\"}");
    fake_host_reply(fake, "registry.alias_get", 0, points_to);
    return fake_host_run(fake, "{\"model\": \"wine\", \"version\": 4, \"set\": \"champion\", \"expect\": 3}");
}

TEST(alias_that_a_lost_attempt_has_moved_is_success)
{
    struct fake_host fake;
    assert_int_equal(run_second_attempt(&fake, 2, "{\"version\": 4}"), STEP_OK);
    assert_string_equal(fake_host_output(&fake, "previous"), "3");
    fake_host_close(&fake);
    assert_int_equal(run_second_attempt(&fake, 2, "{\"version\": 5}"), STEP_FAILED);
    fake_host_close(&fake);
    assert_int_equal(run_second_attempt(&fake, 1, "{\"version\": 4}"), STEP_FAILED);
    fake_host_close(&fake);
}

TESTS(RUN(alias_asks_with_what_it_expects), RUN(alias_fails_with_the_reason),
      RUN(alias_that_a_lost_attempt_has_moved_is_success))
