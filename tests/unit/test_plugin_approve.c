/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_host.h"
#include "test.h"

TEST(approve_first_asks_and_waits)
{
    static const struct {
        const char *params, *wait;
    } cases[] = {
        {"{\"of\": \"models:/wine/3\", \"by\": {\"group:ml-leads\": 1}, \"not_by\": [\"author\"], \"expires\": \"3d\"}",
         "{\"kind\":\"approval\",\"of\":\"models:/wine/3\",\"by\":{\"group:ml-leads\":1},\"not_by\":[\"author\"],"
         "\"expires_ms\":259200000}"},
        {"{\"by\": \"alice\", \"not_by\": \"author\", \"message\": \"look\", \"evidence\": {\"auc\": 0.9}}",
         "{\"kind\":\"approval\",\"by\":[\"alice\"],\"not_by\":[\"author\"],"
         "\"message\":\"look\",\"evidence\":{\"auc\":0.9}}"},
        {"{\"by\": [\"alice\", \"bob\"], \"quorum\": 2}",
         "{\"kind\":\"approval\",\"by\":[\"alice\",\"bob\"],\"quorum\":2}"},
        {"{\"supersede\": false}", "{\"kind\":\"approval\",\"supersede\":false}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        fake_host_open(&fake, "approve");
        assert_int_equal(fake_host_run(&fake, cases[i].params), STEP_WAIT);
        assert_string_equal(fake.wait, cases[i].wait);
        fake_host_close(&fake);
    }
}

TEST(approve_does_not_ask_what_nobody_can_answer)
{
    static const struct {
        const char *params, *reason;
    } cases[] = {
        {"{\"by\": []}", "by: it names nobody: expected a name, group:NAME, a list or a map of them"},
        {"{\"by\": null}", "by: it names nobody: expected a name, group:NAME, a list or a map of them"},
        {"{\"by\": {}}", "by: it names nobody: expected a name, group:NAME, a list or a map of them"},
        {"{\"by\": \"\"}", "by: '' names nobody: expected a name or group:NAME"},
        {"{\"by\": [\"group:\"]}", "by: 'group:' names nobody: expected a name or group:NAME"},
        {"{\"by\": {\"alice\": 0}}", "by: 'alice': expected how many people, 1 or more"},
        {"{\"by\": {\"alice\": \"1\"}}", "by: 'alice': expected how many people, 1 or more"},
        {"{\"by\": {\"alice\": 1}, \"quorum\": 2}",
         "quorum: 'by' is a map and says how many of each: expected one of the two"},
        {"{\"by\": [\"alice\"], \"not_by\": [3]}", "not_by: item 1 is a number: expected a text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        fake_host_open(&fake, "approve");
        assert_int_equal(fake_host_run(&fake, cases[i].params), STEP_FAILED);
        assert_string_equal(fake.failure, cases[i].reason);
        assert_null(fake.wait);
        fake_host_close(&fake);
    }
}

TEST(approve_gives_who_approved_what)
{
    struct fake_host fake;
    fake_host_open(&fake, "approve");
    fake_host_resume(&fake,
                     "{\"outcome\": \"met\", \"by\": [\"alice\", \"bob\"], \"last\": \"bob\", \"reason\": \"fine\", "
                     "\"sha256\": \"ab12\", \"waived\": true, \"state\": null}");
    assert_int_equal(fake_host_run(&fake, "{\"by\": [\"alice\"]}"), STEP_OK);
    assert_string_equal(fake_host_output(&fake, "approved_by"), "[\"alice\",\"bob\"]");
    assert_string_equal(fake_host_output(&fake, "reason"), "\"fine\"");
    assert_string_equal(fake_host_output(&fake, "evidence_sha256"), "\"ab12\"");
    assert_string_equal(fake_host_output(&fake, "waived"), "true");
    assert_non_null(strstr(fake.log, "not_by did not apply"));
    fake_host_close(&fake);
}

TEST(approve_refuses_whatever_is_no_approval)
{
    static const struct {
        const char *resumed, *reason;
    } cases[] = {
        {"{\"outcome\": \"rejected\", \"last\": \"bob\", \"reason\": \"slices\"}", "rejected by bob: slices"},
        {"{\"outcome\": \"rejected\", \"last\": \"bob\", \"reason\": \"\"}", "rejected by bob"},
        {"{\"outcome\": \"expired\"}", "expired after 3d without a decision"},
        {"{\"outcome\": \"void\", \"last\": \"bob\"}", "void: what was reviewed has changed"},
        {"{\"outcome\": \"surprise\"}", "not approved: unknown outcome 'surprise'"},
        {"{}", "not approved: unknown outcome ''"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        fake_host_open(&fake, "approve");
        fake_host_resume(&fake, cases[i].resumed);
        assert_int_equal(fake_host_run(&fake, "{\"by\": [\"alice\"], \"expires\": \"3d\"}"), STEP_REFUSED);
        assert_string_equal(fake.failure, cases[i].reason);
        assert_null(fake_host_output(&fake, "approved_by"));
        fake_host_close(&fake);
    }
}

TESTS(RUN(approve_first_asks_and_waits), RUN(approve_does_not_ask_what_nobody_can_answer),
      RUN(approve_gives_who_approved_what), RUN(approve_refuses_whatever_is_no_approval))
