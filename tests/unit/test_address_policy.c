/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address_policy.h"

#include "test.h"

#include <netinet/in.h>

static int read_policy(struct arena *arena, const char *text, struct address_policy *policy, struct err *err)
{
    struct json json;
    assert_int_equal(json_read(str_from(text), (struct json_limits){0}, arena, &json, NULL), 0);
    err_clear(err);
    return address_policy_read(&json, arena, policy, err);
}

static bool allows(const struct address_policy *policy, const char *text)
{
    struct ip_address address;
    const char *why = NULL;
    assert_int_equal(ip_address_parse(str_from(text), &address), 0);
    bool result = address_policy_allows(policy, &address, &why);
    assert_non_null(why);
    return result;
}

static const char *const never[] = {
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "0.0.0.0",
    "0.1.2.3",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "febf::1",
    "ff02::1",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2001:0:0808:0808::5601:5601",
    "2001:0:a9fe:a9fe::1",
    "::ffff:0:169.254.169.254",
};
static const char *const local[] = {
    "127.0.0.1",
    "127.255.255.255",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "::1",
    "fc00::1",
    "fdff::1",
    "fec0::1",
    "2001:db8::1",
    "4000::1",
    "::ffff:127.0.0.1",
    "::ffff:100.64.0.1",
    "64:ff9b::10.0.0.1",
    "2002:0a00:0001::1",
};
static const char *const public[] = {
    "1.1.1.1",         "8.8.8.8",        "9.255.255.255",    "11.0.0.0",          "172.15.255.255",
    "172.32.0.0",      "100.63.255.255", "100.128.0.0",      "169.253.255.255",   "169.255.0.0",
    "126.255.255.255", "128.0.0.1",      "223.255.255.255",  "192.167.255.255",   "2606:4700::1111",
    "2a00::1",         "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:0808:0808::1",
};
#define COUNT(list) (sizeof list / sizeof list[0])

TEST(link_local_and_metadata_are_refused_whatever_the_policy_says)
{
    static const char *const policies[] = {
        "{}", "{\"reach\":\"public\"}", "{\"reach\":\"all\"}",
        "{\"reach\":\"public\",\"allow\":[\"0.0.0.0/0\",\"::/0\",\"169.254.169.254\"]}"};
    struct arena *arena = arena_new();
    for (size_t p = 0; p < COUNT(policies); p++) {
        struct address_policy policy;
        struct err err = {0};
        assert_int_equal(read_policy(arena, policies[p], &policy, &err), 0);
        for (size_t i = 0; i < COUNT(never); i++) {
            assert_false(allows(&policy, never[i]));
        }
        for (size_t i = 0; i < COUNT(public); i++) {
            assert_true(allows(&policy, public[i]));
        }
    }
    arena_free(arena);
}

TEST(local_addresses_are_reached_unless_only_public_ones_may_be)
{
    struct arena *arena = arena_new();
    struct address_policy all;
    struct address_policy only_public;
    struct err err = {0};
    assert_int_equal(address_policy_read(NULL, arena, &all, &err), 0);
    assert_int_equal(read_policy(arena, "{\"reach\":\"public\"}", &only_public, &err), 0);
    for (size_t i = 0; i < COUNT(local); i++) {
        assert_true(allows(&all, local[i]));
        assert_false(allows(&only_public, local[i]));
    }
    assert_true(all.use_proxy);
    assert_false(only_public.use_proxy);
    arena_free(arena);
}

TEST(allowed_ranges_end_where_their_prefix_says)
{
    struct arena *arena = arena_new();
    struct address_policy policy;
    struct err err = {0};
    assert_int_equal(read_policy(arena,
                                 "{\"reach\":\"public\",\"allow\":[\"10.1.2.0/23\",\"127.0.0.1\",\"fd12::/15\"]}",
                                 &policy, &err),
                     0);
    assert_true(allows(&policy, "10.1.2.0"));
    assert_true(allows(&policy, "10.1.3.255"));
    assert_true(allows(&policy, "::ffff:10.1.3.255"));
    assert_false(allows(&policy, "10.1.1.255"));
    assert_false(allows(&policy, "10.1.4.0"));
    assert_true(allows(&policy, "127.0.0.1"));
    assert_false(allows(&policy, "127.0.0.2"));
    assert_true(allows(&policy, "fd13::1"));
    assert_false(allows(&policy, "fd14::1"));
    assert_false(allows(&policy, "::1"));
    arena_free(arena);
}

TEST(a_policy_that_cannot_be_read_is_an_error)
{
    static const char *const texts[][2] = {
        {"[]", "policy: expected a map, found a list"},
        {"{\"reach\":\"some\"}", "policy.reach: expected \"all\" or \"public\""},
        {"{\"reach\":true}", "policy.reach: expected \"all\" or \"public\""},
        {"{\"allow\":\"10.0.0.0/8\"}", "policy.allow: expected a list of at most 1000 ranges"},
        {"{\"allow\":[\"10.0.0/8\"]}",
         "policy.allow: expected an address range such as \"10.1.0.0/16\", found '10.0.0/8'"},
        {"{\"allow\":[\"10.0.0.0/33\"]}", "policy.allow: expected an integer from 0 to 32, found '33'"},
        {"{\"allow\":[\"10.0.0.0/\"]}", "policy.allow: expected an integer from 0 to 32, found ''"},
        {"{\"https\":1}", "policy: unknown or ill-typed member 'https'"},
        {"{\"alow\":[]}", "policy: unknown or ill-typed member 'alow'"},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct address_policy policy;
        struct err err = {0};
        assert_int_equal(read_policy(arena, texts[i][0], &policy, &err), -1);
        assert_string_equal(err.message, texts[i][1]);
    }
    arena_free(arena);
}

TEST(only_canonical_addresses_are_addresses)
{
    static const char *const texts[] = {"",          "127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433",   "127.0.0.1 ",
                                        "1.2.3.256", "::g",   "[::1]",      "localhost",  "fe80::1%eth0", "1.2.3.4.5"};
    struct ip_address address;
    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_int_equal(ip_address_parse(str_from(texts[i]), &address), -1);
    }
}

TEST(a_socket_address_is_taken_apart)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct ip_address address;
    char text[46];
    assert_int_equal(ip_address_from((const struct sockaddr *)&in, &address), 0);
    ip_address_text(&address, text);
    assert_string_equal(text, "127.0.0.1");
    assert_int_equal(ip_address_from((const struct sockaddr *)&in6, &address), 0);
    ip_address_text(&address, text);
    assert_string_equal(text, "::1");
    assert_int_equal(ip_address_from(&other, &address), -1);
}

TESTS(RUN(link_local_and_metadata_are_refused_whatever_the_policy_says),
      RUN(local_addresses_are_reached_unless_only_public_ones_may_be), RUN(allowed_ranges_end_where_their_prefix_says),
      RUN(a_policy_that_cannot_be_read_is_an_error), RUN(only_canonical_addresses_are_addresses),
      RUN(a_socket_address_is_taken_apart))
