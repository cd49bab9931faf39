/* SPDX-License-Identifier: Apache-2.0 */
#include "api/guard.h"

#include <strings.h>

enum { PORT_DIGITS_MAX = 5, HOST_BYTES_MAX = 255 };

static bool same(struct str a, const char *b)
{
    return a.n == strlen(b) && (a.n == 0 || strncasecmp(a.p, b, a.n) == 0);
}

/* Of a name, or of an address in brackets (RFC 3986, 3.2.2). */
static bool has_only_letters_of_hosts(struct str host)
{
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    (c != '\0' && strchr("-._~[]:", c) != NULL);
        if (!good) {
            return false;
        }
    }
    return host.n > 0 && host.n <= HOST_BYTES_MAX;
}

/* "*" stands for any text at the beginning: one is enough for the domains of one house. */
static bool matches(struct str host, const char *pattern)
{
    if (*pattern != '*') {
        return same(host, pattern);
    }
    size_t n = strlen(pattern + 1);
    return host.n >= n && has_only_letters_of_hosts(host) && same(str_slice(host, host.n - n, host.n), pattern + 1);
}

/* "name:port", "[::1]:port": without the port. What has more to it than digits is no name of a host: what we tell
 * clients to ask next begins with it (api/mlflow/direct_url.h). */
static struct str without_port(struct str host)
{
    ptrdiff_t end = host.n > 0 && host.p[0] == '[' ? str_find_byte(host, ']', 0) : -1;
    ptrdiff_t colon = end >= 0 ? end + 1 : str_find_byte(host, ':', 0);
    if (colon < 0 || (size_t)colon >= host.n) {
        return host;
    }
    struct str port = str_slice(host, (size_t)colon + 1, host.n);
    bool good = host.p[colon] == ':' && port.n <= PORT_DIGITS_MAX;
    for (size_t i = 0; good && i < port.n; i++) {
        good = port.p[i] >= '0' && port.p[i] <= '9';
    }
    return good ? str_slice(host, 0, (size_t)colon) : (struct str){0};
}

static bool is_ours(const struct guard *guard, struct str host)
{
    static const char *const loopback[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++) {
        if (same(host, loopback[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < guard->host_count; i++) {
        if (matches(host, guard->hosts[i])) {
            return true;
        }
    }
    return false;
}

static bool changes_something(const struct http_exchange *exchange)
{
    return exchange->method != HTTP_GET && exchange->method != HTTP_HEAD;
}

const char *guard_refuses(const struct guard *guard, const struct http_exchange *exchange)
{
    struct str origin = http_header(exchange, "Origin");
    if (!is_ours(guard, without_port(http_header(exchange, "Host")))) {
        return "Invalid Host header - possible DNS rebinding attack detected";
    }
    if (origin.n == 0 || !changes_something(exchange)) {
        return NULL;
    }
    ptrdiff_t at = str_find(origin, STR("://"));
    struct str host = at < 0 ? (struct str){0} : str_slice(origin, (size_t)at + 3, origin.n);
    return is_ours(guard, without_port(host)) ? NULL : "Cross-origin request blocked";
}

/* Only what can be shown to whoever sent it. */
static bool is_plain(struct str type)
{
    for (size_t i = 0; i < type.n; i++) {
        char c = type.p[i];
        bool good =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-/;,+_ ", c) != NULL;
        if (!good) {
            return false;
        }
    }
    return true;
}

int guard_check_type(const struct http_exchange *exchange, bool ours, struct err *err)
{
    struct str whole = http_header(exchange, "Content-Type");
    struct str rest = whole;
    struct str type = {0};
    (void)str_cut(&rest, ';', &type);
    type = str_trim(type);
    if (same(type, "application/json")) {
        return 0;
    }
    struct str found = type.n == 0 ? STR("missing") : is_plain(type) ? type : STR("another");
    if (ours) {
        return err_set(err, ERR_INPUT, "the header Content-Type is %.*s: expected application/json (where nothing is "
                                       "to be said, with the body {})", STR_ARG(found));
    }
    if (type.n == 0 || !is_plain(type)) {
        return err_set(err, ERR_INPUT, "Bad Request. Content-Type must be one of [application/json].");
    }
    return err_set(err, ERR_INPUT, "Bad Request. Content-Type must be one of [application/json]. Got '%.*s'.",
                   STR_ARG(type));
}
