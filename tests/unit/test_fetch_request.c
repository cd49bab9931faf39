/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/request.h"

#include "test.h"

static int read_request(struct arena *arena, const char *text, struct fetch_request *request, struct err *err)
{
    err_clear(err);
    return fetch_request_read(str_from(text), arena, request, err);
}

TEST(a_request_has_defaults)
{
    struct arena *arena = arena_new();
    struct fetch_request request;
    struct err err = {0};
    assert_int_equal(read_request(arena, "{\"url\":\"http://a/\"}\n", &request, &err), 0);
    assert_true(str_is(request.method, "GET"));
    assert_int_equal(request.timeout_ms, 30000);
    assert_int_equal(request.max_bytes, 16 << 20);
    assert_int_equal(request.follow, 5);
    assert_false(request.has_body);
    assert_true(request.policy.use_proxy);
    assert_int_equal(read_request(arena, "{\"url\":\"http://a/\",\"body\":\"\",\"policy\":{}}", &request, &err), 0);
    assert_true(str_is(request.method, "POST"));
    assert_true(request.has_body);
    assert_int_equal(request.follow, 0);
    assert_int_equal(read_request(arena, "{\"url\":\"http://a/\",\"body\":null,\"timeout_ms\":null}", &request, &err),
                     0);
    assert_false(request.has_body);
    arena_free(arena);
}

TEST(headers_are_lines_or_a_map)
{
    static const char *const texts[] = {
        "{\"url\":\"http://a/\",\"headers\":[\"X-A: b: c \",\"Y:\"]}",
        "{\"url\":\"http://a/\",\"headers\":{\"X-A\":\" b: c\",\"Y\":\"\"}}",
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < 2; i++) {
        struct fetch_request request;
        struct err err = {0};
        assert_int_equal(read_request(arena, texts[i], &request, &err), 0);
        assert_int_equal(request.header_count, 2);
        assert_true(str_is(request.headers[0].name, "X-A"));
        assert_true(str_is(request.headers[0].value, "b: c"));
        assert_true(str_is(request.headers[1].name, "Y"));
        assert_int_equal(request.headers[1].value.n, 0);
    }
    arena_free(arena);
}

TEST(no_error_shows_what_may_be_secret)
{
    static const char *const texts[] = {
        "{\"url\":\"http://a/\",\"headers\":[\"Authorization: hush\\u0000hush\"]}",
        "{\"url\":\"http://a/\",\"headers\":[\"hush hush\"]}",
        "{\"url\":\"http://ada:hush @a/\"}",
        "{\"url\":\"http://a/\",\"body_base64\":\"hush!\"}",
        "{\"url\":\"http://a/\",\"body\":\"hush\",\"body_base64\":\"hush\"}",
        "{\"url\":\"http://a/\",\"headers\":{\"expect\":\"hush\"}}",
        "{\"url\":\"http://a/\",\"body\":\"hush\"",
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct fetch_request request;
        struct err err = {0};
        assert_int_equal(read_request(arena, texts[i], &request, &err), -1);
        assert_true(err.message[0] != '\0');
        assert_null(strstr(err.message, "hush"));
    }
    arena_free(arena);
}

TEST(headers_and_urls_are_bounded)
{
    struct arena *arena = arena_new();
    struct fetch_request request;
    struct err err = {0};
    char *large = arena_alloc(arena, (64 << 10) + 1);
    memset(large, 'x', 64 << 10);
    assert_int_equal(read_request(arena, arena_printf(arena, "{\"url\":\"http://a/\",\"headers\":[\"a:%s\"]}", large),
                                  &request, &err),
                     -1);
    assert_int_equal(err.code, ERR_LIMIT);
    large[FETCH_URL_MAX_BYTES] = '\0';
    assert_int_equal(read_request(arena, arena_printf(arena, "{\"url\":\"%s\"}", large), &request, &err), 0);
    assert_int_equal(read_request(arena, arena_printf(arena, "{\"url\":\"%sx\"}", large), &request, &err), -1);
    const char *lines = "\"A:b\"";
    for (int i = 1; i < 100; i++) {
        lines = arena_printf(arena, "%s,\"A:b\"", lines);
    }
    assert_int_equal(
        read_request(arena, arena_printf(arena, "{\"url\":\"http://a/\",\"headers\":[%s]}", lines), &request, &err), 0);
    assert_int_equal(read_request(arena, arena_printf(arena, "{\"url\":\"http://a/\",\"headers\":[%s,\"A:b\"]}", lines),
                                  &request, &err),
                     -1);
    assert_string_equal(err.message, "headers: expected at most 100, found 101");
    arena_free(arena);
}

TEST(base64_is_decoded_strictly)
{
    static const struct {
        const char *text;
        const char *bytes; /* NULL: refused */
    } cases[] = {
        {"", ""},        {"Zg==", "f"},         {"Zm8=", "fo"},
        {"Zm9v", "foo"}, {"Zm9vYmE=", "fooba"}, {"+/+/", "\xfb\xff\xbf"},
        {"Zg=", NULL},   {"Zg", NULL},          {"Z===", NULL},
        {"====", NULL},  {"Zm9v\n", NULL},      {"Zm 9", NULL},
        {"-_-_", NULL},  {"Zg==Zg==", NULL},    {"=Zm9", NULL},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str bytes = {0};
        int result = fetch_base64_decode(str_from(cases[i].text), arena, &bytes);
        assert_int_equal(result, cases[i].bytes == NULL ? -1 : 0);
        if (cases[i].bytes != NULL) {
            assert_true(str_is(bytes, cases[i].bytes));
        }
    }
    arena_free(arena);
}

TESTS(RUN(a_request_has_defaults), RUN(headers_are_lines_or_a_map), RUN(no_error_shows_what_may_be_secret),
      RUN(headers_and_urls_are_bounded), RUN(base64_is_decoded_strictly))
