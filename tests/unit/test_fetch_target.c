/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/target.h"

#include "test.h"

static const struct address_policy everything = {.use_proxy = true};

static struct fetch_target parse(struct arena *arena, const char *url)
{
    struct fetch_target target = {0};
    struct err err = {0};
    assert_int_equal(fetch_target_parse(url, NULL, &everything, arena, &target, &err), 0);
    return target;
}

TEST(a_url_is_taken_apart_and_loses_its_credentials)
{
    struct arena *arena = arena_new();
    struct fetch_target target = parse(arena, "https://ada:s%40cret@Example.org/a?b=c#frag");
    assert_string_equal(target.url, "https://Example.org/a?b=c");
    assert_string_equal(target.scheme, "https");
    assert_string_equal(target.place, "Example.org:443");
    assert_string_equal(target.user, "ada");
    assert_string_equal(target.password, "s@cret");
    target = parse(arena, "http://[::1]:8080/");
    assert_string_equal(target.host, "::1");
    assert_string_equal(target.place, "[::1]:8080");
    assert_null(target.user);
    arena_free(arena);
}

TEST(a_redirect_belongs_to_where_it_was_met_and_brings_no_credentials)
{
    static const char *const cases[][2] = {
        {"/x", "https://a.example:8443/x"},        {"c?d", "https://a.example:8443/b/c?d"},
        {"../e", "https://a.example:8443/e"},      {"//b.example/f", "https://b.example/f"},
        {"?q", "https://a.example:8443/b/here?q"}, {"https://u:p@c.example/g", "https://c.example/g"},
    };
    struct arena *arena = arena_new();
    struct fetch_target from = parse(arena, "https://ada:pw@a.example:8443/b/here");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fetch_target target = {0};
        struct err err = {0};
        assert_int_equal(fetch_target_parse(cases[i][0], &from, &everything, arena, &target, &err), 0);
        assert_string_equal(target.url, cases[i][1]);
        assert_null(target.user);
    }
    arena_free(arena);
}

TEST(odd_spellings_of_an_address_are_that_address)
{
    static const char *const urls[] = {
        "http://169.254.169.254/",          "http://0xa9fea9fe/",      "http://2852039166/",
        "http://0251.0376.0251.0376/",      "http://169.254.43518/",   "http://[::ffff:a9fe:a9fe]/",
        "http://ada:hush@169.254.169.254/", "http://[fe80::1%25eth0]/"};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct fetch_target target = {0};
        struct err err = {0};
        assert_int_equal(fetch_target_parse(urls[i], NULL, &everything, arena, &target, &err), -1);
        assert_int_equal(err.code, ERR_DENIED);
        assert_non_null(strstr(err.message, "link-local"));
        assert_null(strstr(err.message, "hush"));
    }
    arena_free(arena);
}

TEST(an_origin_is_scheme_host_and_port)
{
    struct arena *arena = arena_new();
    struct fetch_target a = parse(arena, "https://a.example/x");
    struct fetch_target same = parse(arena, "https://A.example:443/y?z");
    static const char *const others[] = {"http://a.example/x", "https://a.example:444/x", "https://b.example/x",
                                         "http://a.example:443/x"};
    assert_true(fetch_target_same_origin(&a, &same));
    for (size_t i = 0; i < 4; i++) {
        struct fetch_target other = parse(arena, others[i]);
        assert_false(fetch_target_same_origin(&a, &other));
    }
    arena_free(arena);
}

TESTS(RUN(a_url_is_taken_apart_and_loses_its_credentials),
      RUN(a_redirect_belongs_to_where_it_was_met_and_brings_no_credentials),
      RUN(odd_spellings_of_an_address_are_that_address), RUN(an_origin_is_scheme_host_and_port))
