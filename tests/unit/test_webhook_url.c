/* SPDX-License-Identifier: Apache-2.0 */
#include "store/webhook_url.h"

#include "test.h"

static int check(const char *rules, const char *url, struct err *err)
{
    struct arena *arena = arena_new();
    struct json json;
    struct address_policy policy;
    *err = (struct err){0};
    assert_int_equal(json_read(str_from(rules), (struct json_limits){0}, arena, &json, NULL), 0);
    assert_int_equal(address_policy_read(&json, arena, &policy, NULL), 0);
    int result = webhook_url_check(url, &policy, err);
    arena_free(arena);
    return result;
}

static const char strict[] = "{\"reach\": \"public\", \"https\": true}";

TEST(ordinary_urls_are_good)
{
    static const char *const urls[] = {
        "https://hooks.example.com/a/b?c=d&e#f", "HTTPS://hooks.example.com",    "https://hooks.example.com:8443/",
        "https://hooks.example.com?x",           "https://hooks.example.com./x", "https://8.8.8.8/x",
        "https://[2606:4700::1]:443/x",          "https://a_b.example/",         "https://x--y.example:/",
        "https://1password.example",             "https://0x.example",
    };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct err err;
        assert_int_equal(check(strict, urls[i], &err), 0);
        assert_string_equal(err.message, "");
    }
}

TEST(what_is_no_url_of_a_receiver_is_refused_in_words)
{
    static const struct {
        const char *url, *words;
    } rows[] = {
        {"", "cannot be empty"},
        {" \t", "cannot be empty"},
        {"http://hooks.example", "Invalid webhook URL scheme: 'http'. Allowed schemes are: https."},
        {"ftp://hooks.example", "Invalid webhook URL scheme: 'ftp'"},
        {"hooks.example", "Invalid webhook URL scheme: ''"},
        {"https:/hooks.example", "Invalid webhook URL scheme: ''"},
        {"https://", "must include a hostname"},
        {"https:///x", "must include a hostname"},
        {"https://:443/x", "must include a hostname"},
        {"https://[::1", "Invalid webhook URL 'https://[::1': an address in it has one bracket"},
        {"https://::1]/", "Invalid webhook URL"},
        {"https://[]/", "must include a hostname"},
        {"https://host:12a/", "must include a hostname"},
        {"https://host:123456/", "must include a hostname"},
        {"https://user@host/", "a user or a password"},
        {"https://host\\@other/", "expected ASCII"},
        {"https://h\xc3\xb6st/", "expected ASCII"},
        {"https://host/a b", "expected ASCII"},
        {"https://host/\r\nX: y", "expected ASCII"},
        {"https://.host/", "no name of a host"},
        {"https://ho%73t/", "no name of a host"},
        {"https://[hooks.example]/", "no name of a host"},
        {"https://2130706433/", "no name of a host"},
        {"https://0x7f000001/", "no name of a host"},
        {"https://127.1/", "no name of a host"},
        {"https://0177.0.0.1/", "no name of a host"},
        {"https://127.0.0.1./", "no name of a host"},
        {"https://[fe80::1%25eth0]/", "no name of a host"},
        {"https://127.0.0.1/", "is loopback"},
        {"https://LOCALHOST/", "is loopback"},
        {"https://169.254.169.254/", "link-local"},
        {"https://[::ffff:10.0.0.1]/", "non-public"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err;
        assert_int_equal(check(strict, rows[i].url, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
        if (strstr(err.message, rows[i].words) == NULL) {
            fail_msg("%s: %s", rows[i].url, err.message);
        }
    }
}

TEST(a_long_one_is_refused)
{
    char url[WEBHOOK_URL_MAX_BYTES + 2];
    struct err err;
    memset(url, 'a', sizeof url);
    memcpy(url, "https://host/", strlen("https://host/"));
    url[sizeof url - 1] = '\0';
    assert_int_equal(check(strict, url, &err), -1);
    url[WEBHOOK_URL_MAX_BYTES] = '\0';
    assert_int_equal(check(strict, url, &err), 0);
    memset(url + strlen("https://"), 'a', 300);
    assert_int_equal(check(strict, url, &err), -1);
    assert_non_null(strstr(err.message, "hostname"));
}

TEST(what_is_allowed_is_good)
{
    static const char open_rules[] = "{\"reach\": \"public\", \"allow\": [\"127.0.0.0/8\", \"fd00::/8\"]}";
    struct err err;
    assert_int_equal(check(open_rules, "http://127.0.0.1:8080/x", &err), 0);
    assert_int_equal(check(open_rules, "http://localhost:8080/x", &err), 0);
    assert_int_equal(check(open_rules, "https://[fd12::1]/x", &err), 0);
    assert_int_equal(check(open_rules, "https://10.0.0.1/x", &err), -1);
    assert_int_equal(check(open_rules, "https://169.254.169.254/x", &err), -1);
}

TESTS(RUN(ordinary_urls_are_good),
      RUN(what_is_no_url_of_a_receiver_is_refused_in_words),
      RUN(a_long_one_is_refused),
      RUN(what_is_allowed_is_good))
