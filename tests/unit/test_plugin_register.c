/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_host.h"
#include "test.h"

TEST(register_asks_the_store_and_gives_the_version)
{
    struct fake_host fake;
    fake_host_open(&fake, "register");
    fake_host_reply(&fake, "registry.register", 0,
                    "{\"version\": 3, \"existing\": false, \"model_id\": \"m-1\", \"model_uri\": \"models:/wine/3\"}");
    assert_int_equal(fake_host_run(&fake, "{\"model\": \"m-1\", \"name\": \"wine\", \"aliases\": [\"challenger\"], "
                                          "\"tags\": {\"team\": \"cellar\", \"rows\": 12, \"good\": true}, "
                                          "\"description\": \"the \\\"best\\\"\"}"),
                     STEP_OK);
    assert_string_equal(fake_host_called(&fake, "registry.register"),
                        "{\"model\":\"m-1\",\"name\":\"wine\",\"aliases\":[\"challenger\"],"
                        "\"tags\":{\"team\":\"cellar\",\"rows\":\"12\",\"good\":\"true\"},"
                        "\"description\":\"the \\\"best\\\"\"}");
    assert_string_equal(fake_host_output(&fake, "version"), "3");
    assert_string_equal(fake_host_output(&fake, "model_uri"), "\"models:/wine/3\"");
    assert_string_equal(fake_host_output(&fake, "model_id"), "\"m-1\"");
    assert_string_equal(fake_host_output(&fake, "existing"), "false");
    fake_host_close(&fake);
}

TEST(register_sends_only_what_was_given)
{
    struct fake_host fake;
    fake_host_open(&fake, "register");
    fake_host_reply(&fake, "registry.register", 0,
                    "{\"version\": 1, \"existing\": true, \"model_id\": \"m-1\", \"model_uri\": \"models:/wine/1\"}");
    assert_int_equal(fake_host_run(&fake, "{\"model\": \"m-1\", \"name\": \"wine\", \"aliases\": null}"), STEP_OK);
    assert_string_equal(fake_host_called(&fake, "registry.register"), "{\"model\":\"m-1\",\"name\":\"wine\"}");
    assert_string_equal(fake_host_output(&fake, "existing"), "true");
    assert_non_null(strstr(fake.log, "as before"));
    fake_host_close(&fake);
}

TEST(register_fails_with_the_reason)
{
    static const struct {
        const char *params, *reason;
    } cases[] = {
        {"{\"model\": \"m-2\", \"name\": \"wine\"}", "there is no model 'm-2'"},
        {"{\"model\": \"m-2\", \"name\": \"wine\", \"aliases\": \"a\"}",
         "aliases: expected a list of texts, got a text"},
        {"{\"model\": \"m-2\", \"name\": \"wine\", \"aliases\": [\"a\", \"\"]}",
         "aliases: item 2 is empty: expected a text"},
        {"{\"model\": \"m-2\", \"name\": \"wine\", \"tags\": {\"a\": []}}",
         "tags: 'a' is a list: expected a text, a number or a boolean"},
        {"{\"model\": \"m-2\", \"name\": \"wine\", \"tags\": [1]}", "tags: expected a map, got a list"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        fake_host_open(&fake, "register");
        fake_host_reply(&fake, "registry.register", -1,
                        "{\"error\": \"not_found\", \"message\": \"there is no model 'm-2'\"}");
        assert_int_equal(fake_host_run(&fake, cases[i].params), STEP_FAILED);
        assert_string_equal(fake.failure, cases[i].reason);
        assert_null(fake_host_output(&fake, "version"));
        fake_host_close(&fake);
    }
}

TESTS(RUN(register_asks_the_store_and_gives_the_version), RUN(register_sends_only_what_was_given),
      RUN(register_fails_with_the_reason))
