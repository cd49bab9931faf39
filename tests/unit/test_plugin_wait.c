/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_host.h"
#include "test.h"

#include <time.h>

static int64_t wall_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

TEST(wait_builds_the_row_of_its_kind)
{
    static const struct {
        const char *params, *wait;
    } cases[] = {
        {"{\"until\": \"2026-03-01T08:00:00Z\"}", "{\"kind\":\"until\",\"at_ms\":1772352000000}"},
        {"{\"until\": \"2026-03-01 09:00+01:00\"}", "{\"kind\":\"until\",\"at_ms\":1772352000000}"},
        {"{\"until\": \"2026-02-28T23:30:00.25-08:30\"}", "{\"kind\":\"until\",\"at_ms\":1772352000250}"},
        {"{\"delay\": \"10m\"}", "{\"kind\":\"delay\",\"delay_ms\":600000}"},
        {"{\"file\": \"/data/x.csv\", \"stable\": \"5s\", \"every\": \"1s\", \"expires\": \"1h\"}",
         "{\"kind\":\"file\",\"path\":\"/data/x.csv\",\"stable_ms\":5000,\"every_ms\":1000,\"expires_ms\":3600000}"},
        {"{\"url\": \"http://h/ready\", \"status\": [200, 204], \"contains\": \"ok\"}",
         "{\"kind\":\"url\",\"url\":\"http://h/ready\",\"status\":[200,204],\"contains\":\"ok\",\"every_ms\":10000}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        fake_host_open(&fake, "wait");
        assert_int_equal(fake_host_run(&fake, cases[i].params), STEP_WAIT);
        assert_string_equal(fake.wait, cases[i].wait);
        fake_host_close(&fake);
    }
}

TEST(wait_takes_relative_files_below_the_workspace)
{
    struct fake_host fake;
    fake_host_open(&fake, "wait");
    assert_int_equal(fake_host_run(&fake, "{\"file\": \"in/x.csv\"}"), STEP_WAIT);
    assert_string_equal(step_get(fake_host_parse(&fake, fake.wait), "path")->string,
                        arena_printf(fake.arena, "%s/in/x.csv", fake.folder));
    fake_host_close(&fake);
}

TEST(wait_goes_on_when_it_is_met)
{
    struct fake_host fake;
    fake_host_open(&fake, "wait");
    fake_host_resume(&fake, arena_printf(fake.arena,
                                         "{\"outcome\": \"met\", \"status\": 204, \"state\": {\"since_ms\": %lld}}",
                                         (long long)wall_ms() - 5000));
    assert_int_equal(fake_host_run(&fake, "{\"url\": \"http://h\"}"), STEP_OK);
    assert_string_equal(fake_host_output(&fake, "met"), "true");
    assert_string_equal(fake_host_output(&fake, "status"), "204");
    assert_true(strtoll(fake_host_output(&fake, "waited_ms"), NULL, 10) >= 5000);
    fake_host_close(&fake);
}

TEST(wait_fails_when_it_expires_unless_it_may_go_on)
{
    struct fake_host fake;
    fake_host_open(&fake, "wait");
    fake_host_resume(&fake, "{\"outcome\": \"expired\", \"state\": {\"since_ms\": 1}}");
    assert_int_equal(fake_host_run(&fake, "{\"file\": \"x.csv\", \"expires\": \"3h\"}"), STEP_FAILED);
    assert_string_equal(fake.failure, "gave up after 3h: 'x.csv' was not there");
    assert_int_equal(fake_host_run(&fake, "{\"file\": \"x.csv\", \"expires\": \"3h\", \"on_expiry\": \"go_on\"}"),
                     STEP_OK);
    assert_string_equal(fake_host_output(&fake, "met"), "false");
    assert_string_equal(fake_host_output(&fake, "status"), "null");
    fake_host_close(&fake);
}

TEST(wait_says_what_is_wrong_with_its_parameters)
{
    static const struct {
        const char *params, *reason;
    } cases[] = {
        {"{}", "none of delay, until, file and url is given: expected exactly one"},
        {"{\"file\": \"a\", \"url\": \"http://h\"}",
         "more than one of delay, until, file and url are given: expected exactly one"},
        {"{\"delay\": \"1s\", \"stable\": \"1s\"}", "stable: there is no 'file' that could change"},
        {"{\"file\": \"a\", \"contains\": \"b\"}", "contains: there is no 'url' that could answer"},
        {"{\"delay\": \"1s\", \"expires\": \"1h\"}", "expires: a time always comes: expected it with 'file' or 'url'"},
        {"{\"url\": \"h\"}", "url: 'h' is no URL: expected http://... or https://..."},
        {"{\"url\": \"http://h\", \"status\": 42}", "status: expected an HTTP status such as 200, or a list of them"},
        {"{\"until\": \"2026-03-01\"}",
         "until: '2026-03-01' is no time: expected one with a zone, such as 2026-03-01T08:00:00Z"},
        {"{\"until\": \"2026-02-30T08:00Z\"}",
         "until: '2026-02-30T08:00Z' is no time: expected one with a zone, such as 2026-03-01T08:00:00Z"},
        {"{\"until\": \"2026-03-01T08:00\"}",
         "until: '2026-03-01T08:00' is no time: expected one with a zone, such as 2026-03-01T08:00:00Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        fake_host_open(&fake, "wait");
        assert_int_equal(fake_host_run(&fake, cases[i].params), STEP_FAILED);
        assert_string_equal(fake.failure, cases[i].reason);
        assert_null(fake.wait);
        fake_host_close(&fake);
    }
}

TESTS(RUN(wait_builds_the_row_of_its_kind),
      RUN(wait_takes_relative_files_below_the_workspace), RUN(wait_goes_on_when_it_is_met),
      RUN(wait_fails_when_it_expires_unless_it_may_go_on), RUN(wait_says_what_is_wrong_with_its_parameters))
