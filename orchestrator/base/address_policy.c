/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address_policy.h"

#include "base/parse.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

enum { RANGES_MAX = 1000 };

enum reach { REACH_PUBLIC, REACH_LOCAL, REACH_NEVER };

/* ---- addresses ---------------------------------------------------------------------------------------------- */

int ip_address_parse(struct str text, struct ip_address *ret_address)
{
    char room[INET6_ADDRSTRLEN];
    if (text.n == 0 || text.n >= sizeof room || str_find_byte(text, '\0', 0) >= 0) {
        return -1;
    }
    memcpy(room, text.p, text.n);
    room[text.n] = '\0';
    struct ip_address address = {.bits = 32};
    if (inet_pton(AF_INET, room, address.bytes) != 1) {
        address.bits = 128;
        if (inet_pton(AF_INET6, room, address.bytes) != 1) {
            return -1;
        }
    }
    *ret_address = address;
    return 0;
}

int ip_address_from(const struct sockaddr *from, struct ip_address *ret_address)
{
    struct ip_address address = {0};
    if (from->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, from, sizeof in);
        address.bits = 32;
        memcpy(address.bytes, &in.sin_addr, 4);
    } else if (from->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, from, sizeof in);
        address.bits = 128;
        memcpy(address.bytes, &in.sin6_addr, 16);
    } else {
        return -1;
    }
    *ret_address = address;
    return 0;
}

void ip_address_text(const struct ip_address *address, char room[46])
{
    if (inet_ntop(address->bits == 32 ? AF_INET : AF_INET6, address->bytes, room, 46) == NULL) {
        (void)snprintf(room, 46, "?");
    }
}

static bool is_in(const struct ip_address *address, const struct ip_range *range)
{
    if (address->bits != range->address.bits) {
        return false;
    }
    for (int i = 0; i < range->prefix; i++) {
        unsigned mask = 0x80u >> (i % 8);
        if (((unsigned)(address->bytes[i / 8] ^ range->address.bytes[i / 8]) & mask) != 0) {
            return false;
        }
    }
    return true;
}

/* ---- what an address is: IANA's special-purpose registries (RFC 6890 and its updates), and the metadata services ----
 */

#define V4(a, b, c, d)                                                                                                 \
    {                                                                                                                  \
        32,                                                                                                            \
        {                                                                                                              \
            (a), (b), (c), (d)                                                                                         \
        }                                                                                                              \
    }
#define V6(...)                                                                                                        \
    {                                                                                                                  \
        128,                                                                                                           \
        {                                                                                                              \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }

/* The first row that fits is meant. */
static const struct {
    struct ip_range range;
    enum reach reach;
    const char *what;
} kinds[] = {
    {{V4(169, 254, 0, 0), 16}, REACH_NEVER, "link-local, where clouds serve metadata"},
    {{V4(100, 100, 100, 200), 32}, REACH_NEVER, "a cloud's metadata service"},
    {{V4(168, 63, 129, 16), 32}, REACH_NEVER, "a cloud's metadata service"},
    {{V4(192, 0, 0, 192), 32}, REACH_NEVER, "a cloud's metadata service"},
    {{V4(0, 0, 0, 0), 8}, REACH_NEVER, "unspecified"},
    {{V4(224, 0, 0, 0), 4}, REACH_NEVER, "multicast"},
    {{V4(240, 0, 0, 0), 4}, REACH_NEVER, "reserved"},
    {{V4(127, 0, 0, 0), 8}, REACH_LOCAL, "loopback"},
    {{V4(10, 0, 0, 0), 8}, REACH_LOCAL, "private"},
    {{V4(172, 16, 0, 0), 12}, REACH_LOCAL, "private"},
    {{V4(192, 168, 0, 0), 16}, REACH_LOCAL, "private"},
    {{V4(100, 64, 0, 0), 10}, REACH_LOCAL, "a provider's shared network"},
    {{V4(192, 0, 0, 0), 24}, REACH_LOCAL, "for protocols"},
    {{V4(192, 0, 2, 0), 24}, REACH_LOCAL, "for documentation"},
    {{V4(192, 88, 99, 0), 24}, REACH_LOCAL, "a 6to4 relay"},
    {{V4(198, 18, 0, 0), 15}, REACH_LOCAL, "for benchmarks"},
    {{V4(198, 51, 100, 0), 24}, REACH_LOCAL, "for documentation"},
    {{V4(203, 0, 113, 0), 24}, REACH_LOCAL, "for documentation"},
    {{V4(0, 0, 0, 0), 0}, REACH_PUBLIC, "public"},
    {{V6(0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54), 128},
     REACH_NEVER,
     "a cloud's metadata service"},
    {{V6(0xfe, 0x80), 10}, REACH_NEVER, "link-local"},
    {{V6(0xff), 8}, REACH_NEVER, "multicast"},
    {{V6(0), 128}, REACH_NEVER, "unspecified"},
    {{V6(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), 128}, REACH_LOCAL, "loopback"},
    {{V6(0xfc), 7}, REACH_LOCAL, "private"},
    {{V6(0xfe, 0xc0), 10}, REACH_LOCAL, "private"},
    {{V6(0x20, 0x01, 0x0d, 0xb8), 32}, REACH_LOCAL, "for documentation"},
    {{V6(0x3f, 0xff), 20}, REACH_LOCAL, "for documentation"},
    {{V6(0x20, 0x01, 0, 0), 32}, REACH_PUBLIC, "Teredo"},
    {{V6(0x20, 0x01, 0, 0), 23}, REACH_LOCAL, "for protocols"},
    {{V6(0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0), 96}, REACH_PUBLIC, "NAT64"},
    {{V6(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff), 96}, REACH_PUBLIC, "IPv4-mapped"},
    {{V6(0x20), 3}, REACH_PUBLIC, "public"},
    {{V6(0), 0}, REACH_LOCAL, "not routed on the internet"},
};
enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

static enum reach reach_of(const struct ip_address *address, const char **ret_what)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (is_in(address, &kinds[i].range)) {
            *ret_what = kinds[i].what;
            return kinds[i].reach;
        }
    }
    *ret_what = "of an unknown kind";
    return REACH_NEVER;
}

/* Where IPv6 addresses carry an IPv4 one. */
static const struct {
    struct ip_range range;
    int at;
    unsigned char mask; /* Teredo writes it inverted (RFC 4380, 4) */
} carriers[] = {
    {{V6(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff), 96}, 12, 0},
    {{V6(0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0), 96}, 12, 0},
    {{V6(0), 96}, 12, 0},
    {{V6(0x00, 0x64, 0xff, 0x9b), 96}, 12, 0},
    {{V6(0x00, 0x64, 0xff, 0x9b, 0x00, 0x01), 48}, 12, 0},
    {{V6(0x20, 0x02), 16}, 2, 0},
    {{V6(0x20, 0x01, 0, 0), 32}, 4, 0},
    {{V6(0x20, 0x01, 0, 0), 32}, 12, 0xff},
};
enum { CARRIER_COUNT = sizeof carriers / sizeof carriers[0] };

static bool carries(const struct ip_address *address, size_t carrier, struct ip_address *ret_inner)
{
    if (!is_in(address, &carriers[carrier].range)) {
        return false;
    }
    *ret_inner = (struct ip_address){.bits = 32};
    for (int i = 0; i < 4; i++) {
        ret_inner->bytes[i] = address->bytes[carriers[carrier].at + i] ^ carriers[carrier].mask;
    }
    return true;
}

/* ---- the decision --------------------------------------------------------------------------------------------- */

static bool is_listed(const struct address_policy *policy, const struct ip_address *address)
{
    for (size_t i = 0; i < policy->allow_count; i++) {
        if (is_in(address, &policy->allow[i])) {
            return true;
        }
    }
    return false;
}

static bool allows_one(const struct address_policy *policy, const struct ip_address *address, const char **ret_why)
{
    enum reach reach = reach_of(address, ret_why);
    return reach == REACH_PUBLIC || (reach == REACH_LOCAL && (!policy->public_only || is_listed(policy, address)));
}

bool address_policy_allows(const struct address_policy *policy, const struct ip_address *address, const char **ret_why)
{
    static const struct ip_range own[] = {{V6(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 127}};
    struct ip_address inner;
    if (!allows_one(policy, address, ret_why)) {
        return false;
    }
    for (size_t i = 0; i < CARRIER_COUNT && !is_in(address, own); i++) {
        if (carries(address, i, &inner) && !allows_one(policy, &inner, ret_why)) {
            return false;
        }
    }
    return true;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static int read_range(const struct json *json, struct ip_range *ret, struct err *err)
{
    struct str rest = json->type == JSON_STRING ? json->u.string : STR("");
    struct str address = {0};
    int64_t prefix = 0;
    if (!str_cut(&rest, '/', &address) || ip_address_parse(address, &ret->address) < 0) {
        return err_set(err, ERR_INPUT, "policy.allow: expected an address range such as \"10.1.0.0/16\", found '%.*s'",
                       json->type == JSON_STRING ? (int)(json->u.string.n > 100 ? 100 : json->u.string.n) : 0,
                       json->type == JSON_STRING ? json->u.string.p : "");
    }
    if (rest.p == NULL) {
        ret->prefix = ret->address.bits;
        return 0;
    }
    if (parse_int(rest, 0, ret->address.bits, &prefix, err) < 0) {
        return err_add(err, "policy.allow");
    }
    ret->prefix = (int)prefix;
    return 0;
}

static int read_allow(const struct json *list, struct arena *arena, struct address_policy *policy, struct err *err)
{
    if (list->type != JSON_ARRAY || list->u.array.count > RANGES_MAX) {
        return err_set(err, ERR_INPUT, "policy.allow: expected a list of at most %d ranges", RANGES_MAX);
    }
    struct ip_range *ranges = arena_array(arena, list->u.array.count, sizeof *ranges);
    for (size_t i = 0; i < list->u.array.count; i++) {
        if (read_range(&list->u.array.items[i], &ranges[i], err) < 0) {
            return -1;
        }
    }
    policy->allow = ranges;
    policy->allow_count = list->u.array.count;
    return 0;
}

/* One of two words: sets `*ret` to whether it is the second. */
static int read_word(const struct json *json, const char *key, const char *first, const char *second, bool *ret,
                     struct err *err)
{
    if (json->type == JSON_STRING && (str_is(json->u.string, first) || str_is(json->u.string, second))) {
        *ret = str_is(json->u.string, second);
        return 0;
    }
    return err_set(err, ERR_INPUT, "policy.%s: expected \"%s\" or \"%s\"", key, first, second);
}

int address_policy_read(const struct json *json, struct arena *arena, struct address_policy *ret_policy,
                        struct err *err)
{
    struct address_policy policy = {.use_proxy = true};
    bool proxy_said = false;
    if (json != NULL && json->type != JSON_OBJECT) {
        return err_set(err, ERR_INPUT, "policy: expected a map, found %s", json_type_name(json->type));
    }
    for (size_t i = 0; json != NULL && i < json->u.object.count; i++) {
        const struct json_member *member = &json->u.object.members[i];
        int result = 0;
        if (str_is(member->key, "reach")) {
            result = read_word(&member->value, "reach", "all", "public", &policy.public_only, err);
        } else if (str_is(member->key, "allow")) {
            result = read_allow(&member->value, arena, &policy, err);
        } else if (str_is(member->key, "proxy")) {
            proxy_said = true;
            result = read_word(&member->value, "proxy", "none", "environment", &policy.use_proxy, err);
        } else if (str_is(member->key, "https") && member->value.type == JSON_BOOL) {
            policy.https_only = member->value.u.boolean;
        } else {
            result = err_set(err, ERR_INPUT, "policy: unknown or ill-typed member '%.*s'", STR_ARG(member->key));
        }
        if (result < 0) {
            return -1;
        }
    }
    policy.use_proxy = proxy_said ? policy.use_proxy : !policy.public_only;
    *ret_policy = policy;
    return 0;
}
