/* SPDX-License-Identifier: Apache-2.0 */
#include "store/webhook_url.h"

#include "base/strbuf.h"
#include "store/python_quote.h"

#include <stdio.h>
#include <strings.h>

enum { HOST_MAX_BYTES = 255 };

static int refuse(const char *words, struct str url, struct err *err)
{
    struct strbuf quoted;
    strbuf_init(&quoted, 1024);
    python_quote(&quoted, str_slice(url, 0, 250));
    (void)err_set(err, ERR_INPUT, "%s: %s", words, quoted.data);
    strbuf_clear(&quoted);
    return -1;
}

static bool is_printable(struct str url)
{
    for (size_t i = 0; i < url.n; i++) {
        unsigned char c = (unsigned char)url.p[i];
        if (c <= ' ' || c >= 0x7f || c == '\\') {
            return false;
        }
    }
    return true;
}

static int check_scheme(struct str scheme, const struct address_policy *policy, struct err *err)
{
    bool https = scheme.n == 5 && strncasecmp(scheme.p, "https", 5) == 0;
    bool http = scheme.n == 4 && strncasecmp(scheme.p, "http", 4) == 0;
    if (https || (http && !policy->https_only)) {
        return 0;
    }
    return err_set(err, ERR_INPUT, "Invalid webhook URL scheme: '%.*s'. Allowed schemes are: %s.",
                   STR_ARG(str_slice(scheme, 0, 20)), policy->https_only ? "https" : "https, http");
}

/* "host", "host:8443", "[::1]:8443". */
static bool cut_host(struct str authority, struct str *ret_host, bool *ret_bracketed)
{
    struct str port = {0};
    *ret_bracketed = authority.n > 0 && authority.p[0] == '[';
    ptrdiff_t end = str_find_byte(authority, *ret_bracketed ? ']' : ':', 0);
    size_t behind = end < 0 ? authority.n : (size_t)end + (*ret_bracketed ? 1 : 0);
    if (*ret_bracketed && end < 0) {
        return false;
    }
    *ret_host = str_slice(authority, *ret_bracketed ? 1 : 0, end < 0 ? authority.n : (size_t)end);
    port = str_slice(authority, behind, authority.n);
    for (size_t i = 1; i < port.n; i++) {
        if (port.p[i] < '0' || port.p[i] > '9') {
            return false;
        }
    }
    return port.n <= 6 && (port.n == 0 || port.p[0] == ':');
}

/* What resolvers and libraries take for an address although it is not written as one: its last part is a number. */
static bool is_odd_number(struct str host)
{
    host = str_ends(host, STR(".")) ? str_slice(host, 0, host.n - 1) : host;
    size_t at = host.n;
    while (at > 0 && host.p[at - 1] != '.') {
        at--;
    }
    struct str last = str_slice(host, at, host.n);
    bool hex = last.n >= 2 && last.p[0] == '0' && (last.p[1] == 'x' || last.p[1] == 'X');
    for (size_t i = hex ? 2 : 0; i < last.n; i++) {
        bool digit = last.p[i] >= '0' && last.p[i] <= '9';
        bool letter = hex && ((last.p[i] >= 'a' && last.p[i] <= 'f') || (last.p[i] >= 'A' && last.p[i] <= 'F'));
        if (!digit && !letter) {
            return false;
        }
    }
    return last.n > 0;
}

static bool is_name(struct str host)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    for (size_t i = 0; i < host.n; i++) {
        if (strchr(letters, host.p[i]) == NULL) {
            return false;
        }
    }
    return host.n > 0 && host.p[0] != '.';
}

static int judge_address(const struct ip_address *address, struct str host, const struct address_policy *policy,
                         struct err *err)
{
    const char *why = NULL;
    if (address_policy_allows(policy, address, &why)) {
        return 0;
    }
    return err_set(err, ERR_INPUT,
                   "Webhook URL must not resolve to a non-public IP address. '%.*s' is %s ('webhooks: allow' in "
                   "config.yaml names networks that may be reached)",
                   STR_ARG(host), why);
}

static int check_host(struct str host, bool bracketed, const struct address_policy *policy, struct err *err)
{
    struct ip_address address;
    if (ip_address_parse(host, &address) == 0) {
        return judge_address(&address, host, policy, err);
    }
    bool local = host.n == strlen("localhost") && strncasecmp(host.p, "localhost", host.n) == 0;
    if (local && ip_address_parse(STR("127.0.0.1"), &address) == 0) {
        return judge_address(&address, host, policy, err);
    }
    if (bracketed || is_odd_number(host) || !is_name(host)) {
        return err_set(err, ERR_INPUT, "Webhook URL: '%.*s' is no name of a host and no address as they are written",
                       STR_ARG(str_slice(host, 0, 100)));
    }
    return 0;
}

int webhook_url_check(const char *url, const struct address_policy *policy, struct err *err)
{
    struct str whole = str_from(url);
    struct str host;
    bool bracketed = false;
    if (str_trim(whole).n == 0) {
        return refuse("Webhook URL cannot be empty or just whitespace", whole, err);
    }
    if (whole.n > WEBHOOK_URL_MAX_BYTES) {
        return err_set(err, ERR_INPUT, "Webhook URL: expected at most %d bytes, found %zu", WEBHOOK_URL_MAX_BYTES,
                       whole.n);
    }
    ptrdiff_t colon = str_find(whole, STR("://"));
    struct str scheme = colon < 0 ? STR("") : str_slice(whole, 0, (size_t)colon);
    if (check_scheme(scheme, policy, err) < 0) {
        return -1;
    }
    if (!is_printable(whole)) {
        return refuse("Webhook URL: expected ASCII without blanks, control characters and '\\'", whole, err);
    }
    struct str rest = str_slice(whole, (size_t)colon + 3, whole.n);
    size_t end = 0;
    while (end < rest.n && strchr("/?#", rest.p[end]) == NULL) {
        end++;
    }
    struct str authority = str_slice(rest, 0, end);
    if (str_find_byte(authority, '@', 0) >= 0) {
        return err_set(err, ERR_INPUT, "Webhook URL: it holds a user or a password, which lists would show: use a "
                                       "secret");
    }
    if ((str_find_byte(authority, '[', 0) < 0) != (str_find_byte(authority, ']', 0) < 0)) {
        return err_set(err, ERR_INPUT, "Invalid webhook URL '%.*s': an address in it has one bracket, not two",
                       STR_ARG(str_slice(whole, 0, 100)));
    }
    if (!cut_host(authority, &host, &bracketed) || host.n == 0 || host.n > HOST_MAX_BYTES) {
        return refuse("Webhook URL must include a hostname", whole, err);
    }
    return check_host(host, bracketed, policy, err);
}
