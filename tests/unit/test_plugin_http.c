/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_host.h"
#include "test.h"

TEST(http_gives_the_answer_as_text_and_json)
{
    struct fake_host fake;
    fake_host_open(&fake, "http");
    fake.http_status = 200;
    fake.http_body = " {\"rows\": [1, 2.5, \"x\"]}";
    assert_int_equal(fake_host_run(&fake, "{\"url\": \"http://h/rows\"}"), STEP_OK);
    assert_string_equal(fake.http_method, "GET");
    assert_string_equal(fake_host_output(&fake, "status"), "200");
    assert_string_equal(fake_host_output(&fake, "body"), "\" {\\\"rows\\\": [1, 2.5, \\\"x\\\"]}\"");
    assert_string_equal(fake_host_output(&fake, "json"), "{\"rows\":[1,2.5,\"x\"]}");
    assert_string_equal(fake_host_output(&fake, "size"), "24");
    assert_string_equal(fake_host_output(&fake, "path"), "null");
    fake_host_close(&fake);
}

TEST(http_sends_texts_as_they_stand_values_as_json_and_files)
{
    static const struct {
        const char *params, *sent;
    } cases[] = {
        {"{\"url\": \"http://h\", \"method\": \"POST\", \"body\": \"a=1&b=2\"}", "a=1&b=2"},
        {"{\"url\": \"http://h\", \"method\": \"PUT\", \"body\": {\"a\": [1, true, null]}}", "{\"a\":[1,true,null]}"},
        {"{\"url\": \"http://h\", \"method\": \"POST\", \"body_file\": \"FILE\"}", "from a file"},
        {"{\"url\": \"http://h\"}", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        fake_host_open(&fake, "http");
        fake.http_status = 200;
        const char *path = fake_host_file(&fake, "b", "from a file");
        const char *file = strstr(cases[i].params, "FILE");
        const char *params = file == NULL ? cases[i].params
                                          : arena_printf(fake.arena, "%.*s%s%s", (int)(file - cases[i].params),
                                                         cases[i].params, path, file + 4);
        assert_int_equal(fake_host_run(&fake, params), STEP_OK);
        assert_string_equal(fake.http_request, cases[i].sent);
        fake_host_close(&fake);
    }
}

TEST(http_fails_on_another_status_and_still_gives_the_answer)
{
    struct fake_host fake;
    fake_host_open(&fake, "http");
    fake.http_status = 404;
    fake.http_body = "no such row";
    assert_int_equal(fake_host_run(&fake, "{\"url\": \"http://h/x\"}"), STEP_FAILED);
    assert_string_equal(fake.failure, "http://h/x answered 404: no such row");
    assert_string_equal(fake_host_output(&fake, "status"), "404");
    assert_string_equal(fake_host_output(&fake, "body"), "\"no such row\"");
    assert_int_equal(fake_host_run(&fake, "{\"url\": \"http://h/x\", \"status\": [200, 404]}"), STEP_OK);
    assert_string_equal(fake_host_output(&fake, "json"), "null");
    fake_host_close(&fake);
}

TEST(http_gives_no_body_that_is_no_text)
{
    static const char *const bodies[] = {"\xFF\xFE", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "ab\xE2\x82"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct fake_host fake;
        fake_host_open(&fake, "http");
        fake.http_status = 200;
        fake.http_body = bodies[i];
        assert_int_equal(fake_host_run(&fake, "{\"url\": \"http://h/x\"}"), STEP_OK);
        assert_string_equal(fake_host_output(&fake, "body"), "null");
        assert_non_null(strstr(fake.log, "give 'save' to keep it"));
        fake_host_close(&fake);
    }
    struct fake_host fake;
    fake_host_open(&fake, "http");
    fake.http_status = 200;
    fake.http_body = "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x8D\xB7";
    assert_int_equal(fake_host_run(&fake, "{\"url\": \"http://h/x\"}"), STEP_OK);
    assert_string_equal(fake_host_output(&fake, "body"), "\"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x8D\xB7\"");
    fake_host_close(&fake);
}

TEST(http_says_where_the_saved_body_is)
{
    struct fake_host fake;
    fake_host_open(&fake, "http");
    fake.http_status = 200;
    fake.http_body = "";
    const char *path = fake_host_file(&fake, "data.csv", "a,b\n1,2\n"); /* the host writes it */
    assert_int_equal(fake_host_run(&fake, "{\"url\": \"http://h/x\", \"save\": \"data.csv\"}"), STEP_OK);
    assert_string_equal(fake_host_output(&fake, "path"), arena_printf(fake.arena, "\"%s\"", path));
    assert_string_equal(fake_host_output(&fake, "size"), "8");
    assert_string_equal(fake_host_output(&fake, "body"), "null");
    fake_host_close(&fake);
}

TEST(http_says_why_there_is_no_request_or_no_answer)
{
    static const struct {
        const char *params, *reason;
    } cases[] = {
        {"{\"url\": \"http://h\"}", "http://h gave no answer: no answer"},
        {"{\"url\": \"file:///etc/passwd\"}",
         "url: 'file:///etc/passwd' is no URL: expected http://... or https://..."},
        {"{\"url\": \"http://h\", \"status\": \"ok\"}",
         "status: expected an HTTP status such as 200, or a list of them"},
        {"{\"url\": \"http://h\", \"save\": \"../x\"}", "save: '../x': expected a file's name without '/'"},
        {"{\"url\": \"http://h\", \"body\": \"a\", \"body_file\": \"b\"}",
         "body and body_file are both given: expected one of them"},
        {"{\"url\": \"http://h\", \"body_file\": \"/nowhere/b\"}",
         "body_file: cannot read '/nowhere/b': No such file or directory"},
        {"{\"url\": \"http://h\", \"headers\": {\"A\": \"secret\\nB: c\"}}",
         "headers: the value of 'A' has a line break or a control character"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        fake_host_open(&fake, "http");
        assert_int_equal(fake_host_run(&fake, cases[i].params), STEP_FAILED);
        assert_string_equal(fake.failure, cases[i].reason);
        fake_host_close(&fake);
    }
}

TESTS(RUN(http_gives_the_answer_as_text_and_json), RUN(http_sends_texts_as_they_stand_values_as_json_and_files),
      RUN(http_fails_on_another_status_and_still_gives_the_answer), RUN(http_gives_no_body_that_is_no_text),
      RUN(http_says_where_the_saved_body_is), RUN(http_says_why_there_is_no_request_or_no_answer))
