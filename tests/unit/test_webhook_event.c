/* SPDX-License-Identifier: Apache-2.0
 * What a delivery says: its headers, its body in each form in which senders put it, and what can be read of none.
 */
#include "pipeline/load.h"
#include "test.h"
#include "trigger/webhook_event.h"

static struct json headers_of(struct arena *arena, const char *const *lines)
{
    struct json headers = json_object();
    for (size_t i = 0; lines[i] != NULL; i++) {
        struct str rest = str_from(lines[i]);
        struct str name;
        (void)str_cut(&rest, ':', &name);
        webhook_header_add(&headers, name, str_trim(rest), arena);
    }
    return headers;
}

TEST(headers_are_lower_case_and_text)
{
    static const char *const lines[] = {"X-GitHub-Event: push", "Accept: a", "accept: b", "Bad Name: x", ": y",
                                        "X-Bytes: caf\xe9", "X-Text: caf\xc3\xa9", "Authorization: Bearer s",
                                        "X-Gitlab-Token: s", "Cookie: s", NULL};
    struct arena *arena = arena_new();
    struct json headers = headers_of(arena, lines);
    struct json plain = webhook_headers_plain(&headers, arena);
    assert_string_equal(json_text(arena, &plain).p, "{\"x-github-event\":\"push\",\"accept\":\"a, b\","
                                                    "\"x-bytes\":\"caf?\",\"x-text\":\"caf\xc3\xa9\"}");
    assert_string_equal(json_get_text(&headers, "authorization", ""), "Bearer s");
    arena_free(arena);
}

TEST(headers_have_a_bound)
{
    struct arena *arena = arena_new();
    struct json headers = json_object();
    for (int i = 0; i < WEBHOOK_HEADERS_MAX + 10; i++) {
        webhook_header_add(&headers, str_from(arena_printf(arena, "x-%d", i)), STR("v"), arena);
    }
    assert_int_equal(headers.u.object.count, WEBHOOK_HEADERS_MAX);
    webhook_header_add(&headers, STR("x-0"), STR("w"), arena);
    assert_string_equal(json_get_text(&headers, "x-0", ""), "v, w");
    arena_free(arena);
}

#define FORM "Content-Type: application/x-www-form-urlencoded; charset=utf-8"

static const struct {
    const char *provider, *line, *body;
    const char *event; /* type and body; or of what is wrong a part of the words, behind "!" */
} rows[] = {
    {"github", "X-GitHub-Event: push", "{\"ref\": \"refs/heads/main\", \"n\": 1e3}",
     "\"push\" {\"ref\":\"refs/heads/main\",\"n\":1000.0}"},
    {"github", "X: y", "[1]", "null [1]"},
    {"github", "X-GitHub-Event: push", "", "\"push\" null"},
    {"github", "X-GitHub-Event: push", " \n", "\"push\" null"},
    {"github", FORM, "payload=%7B%22ref%22%3A+%22a%26b%22%7D&x=y", "null {\"ref\":\"a&b\"}"},
    {"github", FORM, "other=1&a+b=%C3%A9", "null {\"other\":\"1\",\"a b\":\"\xc3\xa9\"}"},
    {"github", FORM, "payload=%7B", "!its body is no JSON"},
    {"github", FORM, "payload=%zz", "!cannot be decoded"},
    {"bearer", FORM, "payload=%7B%7D&payload=2", "null {\"payload\":\"2\"}"},
    {"bearer", FORM, " {\"a\": 1}", "null {\"a\":1}"}, /* curl -d */
    {"bearer", FORM, "a=%ff", "!no text in UTF-8"},
    {"standard", "webhook-id: m", "{\"type\": \"model.ready\", \"data\": {}}",
     "\"model.ready\" {\"type\":\"model.ready\",\"data\":{}}"},
    {"standard", "webhook-id: m", "{\"type\": 7}", "null {\"type\":7}"},
    {"mlflow", "x: y", "{\"entity\": \"model_version_alias\", \"action\": \"created\"}",
     "\"model_version_alias.created\" {\"entity\":\"model_version_alias\",\"action\":\"created\"}"},
    {"gitlab", "X-Gitlab-Event: Push Hook", "{\"type\": \"x\"}", "\"Push Hook\" {\"type\":\"x\"}"},
    {"none", "x: y", "no JSON", "!its body is no JSON"},
    {"none", "x: y", "{\"a\": 1, \"a\": 2}", "!its body is no JSON"},
    {"none", "x: y", "{\"a\": \"\xff\"}", "!its body is no JSON"},
    {"none", "x: y", "\"\\ud800\"", "!its body is no JSON"},
    {"none", "x: y", "NaN", "!its body is no JSON"},
    {"none", "x: y", "1e999", "!its body is no JSON"},
    {"none", "x: y", "{} {}", "!its body is no JSON"},
};

TEST(bodies_are_read_as_their_senders_write_them)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *arena = arena_new();
        struct err err = {0};
        struct json event;
        const char *const lines[] = {rows[i].line, "Authorization: Bearer s", NULL};
        const struct webhook_request request = {.headers = headers_of(arena, lines), .body = str_from(rows[i].body)};
        const struct webhook_provider *provider = webhook_provider_named(str_from(rows[i].provider));
        int result = webhook_event_read(provider, &request, "the id", arena, &event, &err);
        const char *found = err.message;
        if (result == 0) {
            found = arena_printf(arena, "%s %s", json_text(arena, json_get(&event, "type")).p,
                                 json_text(arena, json_get(&event, "body")).p);
            assert_string_equal(json_get_text(&event, "id", ""), "the id");
            assert_null(json_get(json_get(&event, "headers"), "authorization"));
        }
        bool good = rows[i].event[0] == '!' ? result < 0 && strstr(found, rows[i].event + 1) != NULL
                                            : result == 0 && strcmp(found, rows[i].event) == 0;
        if (!good) {
            fail_msg("row %zu: '%s'", i, found);
        }
        assert_int_equal(err.code, result == 0 ? ERR_NONE : ERR_INPUT);
        arena_free(arena);
    }
}

static int read_text(struct str text)
{
    struct arena *arena = arena_new();
    struct json event;
    const struct webhook_request request = {.headers = json_object(), .body = text};
    int result = webhook_event_read(webhook_provider_named(STR("none")), &request, "i", arena, &event, NULL);
    arena_free(arena);
    return result;
}

TEST(hostile_bodies_are_bounded)
{
    static char text[WEBHOOK_BODY_MAX];
    memset(text, '[', sizeof text);
    assert_int_equal(read_text((struct str){text, sizeof text}), -1); /* deep */
    memset(text, '1', sizeof text);
    assert_int_equal(read_text((struct str){text, sizeof text}), -1); /* a number of two million digits */
    for (size_t i = 0; i + 1 < sizeof text; i += 2) {
        text[i] = '1';
        text[i + 1] = ',';
    }
    text[0] = '[';
    text[1] = '1';
    text[2] = ',';
    assert_int_equal(read_text((struct str){text, sizeof text}), -1); /* a million values */
    text[2 * WEBHOOK_VALUES_MAX - 4] = '1';
    text[2 * WEBHOOK_VALUES_MAX - 3] = ']';
    assert_int_equal(read_text((struct str){"[[]]", 4}), 0);
}

TEST(pings_are_known)
{
    struct arena *arena = arena_new();
    static const char *const github[] = {"X-GitHub-Event: ping", NULL};
    static const char *const bitbucket[] = {"X-Event-Key: diagnostics:ping", NULL};
    struct webhook_request request = {.headers = headers_of(arena, github)};
    assert_true(webhook_event_is_ping(webhook_provider_named(STR("github")), &request));
    assert_false(webhook_event_is_ping(webhook_provider_named(STR("gitlab")), &request));
    assert_false(webhook_event_is_ping(webhook_provider_named(STR("standard")), &request));
    request.headers = headers_of(arena, bitbucket);
    assert_true(webhook_event_is_ping(webhook_provider_named(STR("bitbucket")), &request));
    assert_false(webhook_event_is_ping(webhook_provider_named(STR("github")), &request));
    arena_free(arena);
}

/* What a file may say is what there is a sender for. */
TEST(each_verification_of_the_file_has_a_sender)
{
    const struct key *key = trigger_keys;
    while (strcmp(key->name, "webhook") != 0) {
        key++;
    }
    for (key = key->keys; strcmp(key->name, "verify") != 0; key++) {
    }
    size_t count = 0;
    for (; key->choices[count] != NULL; count++) {
        assert_non_null(webhook_provider_named(str_from(key->choices[count])));
    }
    assert_int_equal(count, 8);
}

TESTS(RUN(headers_are_lower_case_and_text), RUN(headers_have_a_bound), RUN(bodies_are_read_as_their_senders_write_them),
      RUN(hostile_bodies_are_bounded), RUN(pings_are_known), RUN(each_verification_of_the_file_has_a_sender))
