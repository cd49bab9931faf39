/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_host.h"
#include "test.h"

#define ID "00000000000000000000000000000001-step"

TEST(notify_posts_the_message_with_its_id)
{
    struct fake_host fake;
    fake_host_open(&fake, "notify");
    fake.http_status = 204;
    assert_int_equal(fake_host_run(&fake,
                                   "{\"to\": {\"webhook\": \"https://h/hook\"}, \"message\": \"a \\\"good\\\" model\", "
                                   "\"fields\": {\"r2\": 0.5}}"),
                     STEP_OK);
    assert_string_equal(fake.http_url, "https://h/hook");
    assert_string_equal(fake.http_request,
                        "{\"id\":\"" ID "\",\"message\":\"a \\\"good\\\" model\",\"fields\":{\"r2\":0.5},\"pipeline\":"
                        "\"test\",\"run_id\":\"00000000000000000000000000000001\",\"run_number\":1,\"step\":\"step\"}");
    assert_string_equal(fake_host_output(&fake, "sent"), "true");
    assert_string_equal(fake_host_output(&fake, "id"), "\"" ID "\"");
    assert_string_equal(fake_host_output(&fake, "status"), "204");
    fake_host_close(&fake);
}

TEST(notify_sends_a_body_of_the_user_in_place_of_its_own)
{
    struct fake_host fake;
    fake_host_open(&fake, "notify");
    fake.http_status = 200;
    assert_int_equal(fake_host_run(&fake,
                                   "{\"to\": {\"webhook\": \"https://h/hook\", \"body\": {\"content\": \"hi\"}}, "
                                   "\"message\": \"m\"}"),
                     STEP_OK);
    assert_string_equal(fake.http_request, "{\"content\":\"hi\"}");
    fake_host_close(&fake);
}

TEST(notify_escapes_what_slack_would_read_as_a_call)
{
    struct fake_host fake;
    fake_host_open(&fake, "notify");
    fake.http_status = 200;
    assert_int_equal(fake_host_run(&fake,
                                   "{\"to\": {\"slack\": \"https://h/T0/secret\"}, \"message\": \"<https://x|new>\", "
                                   "\"fields\": {\"branch\": \"<!channel> & co\", \"n\": 3}}"),
                     STEP_OK);
    assert_string_equal(fake.http_request, "{\"text\":\"<https://x|new>\\u000a*branch*: &lt;!channel&gt; &amp; co"
                                           "\\u000a*n*: 3\"}");
    fake_host_close(&fake);
}

TEST(notify_gives_a_command_the_notice)
{
    struct fake_host fake;
    fake_host_open(&fake, "notify");
    assert_int_equal(fake_host_run(&fake, "{\"to\": {\"command\": [\"sh\", \"-c\", \"cat > got; echo $SLUICE_NOTICE_ID "
                                          "$SLUICE_NOTICE_MESSAGE > env\"]}, \"message\": \"hello\"}"),
                     STEP_OK);
    struct str got = str_from(fake_host_read(&fake, arena_printf(fake.arena, "%s/got", fake.folder)));
    assert_non_null(strstr(got.p, "\"message\":\"hello\""));
    assert_true(str_ends(got, STR("}\n")));
    assert_string_equal(fake_host_read(&fake, arena_printf(fake.arena, "%s/env", fake.folder)), ID " hello\n");
    assert_string_equal(fake_host_output(&fake, "status"), "null");
    fake_host_close(&fake);
}

TEST(notify_tries_again_and_fails_without_showing_the_secret_of_the_url)
{
    struct fake_host fake;
    fake_host_open(&fake, "notify");
    fake.http_status = 503;
    fake.http_body = "busy";
    assert_int_equal(fake_host_run(&fake, "{\"to\": {\"slack\": \"https://u:pw@h/T0/secret\"}, \"message\": \"m\", "
                                          "\"delay\": \"1ms\"}"),
                     STEP_FAILED);
    assert_string_equal(fake.failure, "https://h answered 503: busy");
    assert_non_null(strstr(fake.log, "attempt 2 of 3"));
    assert_null(strstr(fake.log, "secret"));
    assert_string_equal(fake_host_output(&fake, "sent"), "false");
    fake_host_close(&fake);
}

TEST(notify_does_not_repeat_what_was_refused)
{
    struct fake_host fake;
    fake_host_open(&fake, "notify");
    fake.http_status = 404;
    assert_int_equal(fake_host_run(&fake, "{\"to\": {\"webhook\": \"https://h/x\"}, \"message\": \"m\"}"), STEP_FAILED);
    assert_null(strstr(fake.log, "attempt"));
    fake_host_close(&fake);
}

TEST(notify_succeeds_unsent_when_it_is_optional)
{
    struct fake_host fake;
    fake_host_open(&fake, "notify");
    assert_int_equal(fake_host_run(&fake,
                                   "{\"to\": {\"webhook\": \"https://h/x\"}, \"message\": \"m\", \"optional\": true, "
                                   "\"attempts\": 1}"),
                     STEP_OK);
    assert_string_equal(fake_host_output(&fake, "sent"), "false");
    assert_string_equal(fake_host_output(&fake, "error"), "\"https://h gave no answer: no answer\"");
    fake_host_close(&fake);
}

TEST(notify_says_what_is_wrong_with_its_parameters)
{
    static const struct {
        const char *params, *reason;
    } cases[] = {
        {"{\"to\": {}, \"message\": \"m\"}", "to: expected {webhook: URL}, {slack: URL} or {command: [...]}"},
        {"{\"to\": {\"slack\": \"hooks\"}, \"message\": \"m\", \"optional\": true}",
         "to.slack: it is no URL: expected http://... or https://..."},
        {"{\"to\": {\"webhook\": 3}, \"message\": \"m\"}", "to.webhook: expected a URL, got a number"},
        {"{\"to\": {\"command\": []}, \"message\": \"m\"}",
         "to.command: expected a list of the program and its arguments, got an empty one"},
        {"{\"to\": {\"webhook\": \"http://h\", \"method\": \"GET\"}, \"message\": \"m\"}",
         "to.method: 'GET': expected POST or PUT"},
        {"{\"to\": {\"slack\": \"http://h\"}, \"message\": \"m\", \"fields\": {\"a\": []}}",
         "fields: 'a' is a list: expected a text, a number or a boolean"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        fake_host_open(&fake, "notify");
        assert_int_equal(fake_host_run(&fake, cases[i].params), STEP_FAILED);
        assert_string_equal(fake.failure, cases[i].reason);
        assert_null(fake.http_url);
        fake_host_close(&fake);
    }
}

TESTS(RUN(notify_posts_the_message_with_its_id), RUN(notify_sends_a_body_of_the_user_in_place_of_its_own),
      RUN(notify_escapes_what_slack_would_read_as_a_call), RUN(notify_gives_a_command_the_notice),
      RUN(notify_tries_again_and_fails_without_showing_the_secret_of_the_url),
      RUN(notify_does_not_repeat_what_was_refused), RUN(notify_succeeds_unsent_when_it_is_optional),
      RUN(notify_says_what_is_wrong_with_its_parameters))
