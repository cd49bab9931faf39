/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/target.h"

#include <curl/curl.h>
#include <stdio.h>
#include <strings.h>

/* A part of the URL in the arena; NULL when it has none. */
static const char *part(CURLU *parts, CURLUPart what, unsigned flags, struct arena *arena)
{
    char *text = NULL;
    const char *copy = NULL;
    if (curl_url_get(parts, what, &text, flags) == CURLUE_OK && text != NULL) {
        copy = arena_strdup(arena, text);
    }
    curl_free(text);
    return copy;
}

static int check_scheme(const struct fetch_target *target, const struct fetch_target *from,
                        const struct address_policy *policy, struct err *err)
{
    bool https = strcmp(target->scheme, "https") == 0;
    bool web = https || strcmp(target->scheme, "http") == 0; /* mail says itself whether it must be encrypted */
    if (web && !https && policy->https_only) {
        return err_set(err, ERR_DENIED, "http to %s is refused: the policy wants https", target->place);
    }
    if (web && !https && from != NULL && strcmp(from->scheme, "https") == 0) {
        return err_set(err, ERR_DENIED, "a redirect from https to http (%s) is refused", target->place);
    }
    return 0;
}

/* What stands in the URL is judged here already: behind a proxy nobody else would. */
static int check_host(const struct fetch_target *target, const struct address_policy *policy, struct err *err)
{
    struct ip_address address;
    const char *why = NULL;
    if (ip_address_parse(str_from(target->host), &address) == 0 && !address_policy_allows(policy, &address, &why)) {
        return err_set(err, ERR_DENIED, "%s is refused: the address is %s", target->place, why);
    }
    return 0;
}

static void read_parts(CURLU *parts, const struct fetch_target *from, struct arena *arena, struct fetch_target *target)
{
    target->scheme = part(parts, CURLUPART_SCHEME, 0, arena);
    target->host = part(parts, CURLUPART_HOST, 0, arena);
    if (from == NULL) {
        target->user = part(parts, CURLUPART_USER, CURLU_URLDECODE, arena);
        target->password = part(parts, CURLUPART_PASSWORD, CURLU_URLDECODE, arena);
    }
    (void)curl_url_set(parts, CURLUPART_USER, NULL, 0);
    (void)curl_url_set(parts, CURLUPART_PASSWORD, NULL, 0);
    (void)curl_url_set(parts, CURLUPART_OPTIONS, NULL, 0);
    (void)curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0);
    target->url = part(parts, CURLUPART_URL, 0, arena);
    const char *port = part(parts, CURLUPART_PORT, CURLU_DEFAULT_PORT, arena);
    if (target->host != NULL) {
        target->place = arena_printf(arena, "%.255s:%s", target->host, port == NULL ? "?" : port);
        size_t length = strlen(target->host);
        if (target->host[0] == '[' && length > 2) {
            target->host = arena_dup(arena, target->host + 1, length - 2);
        }
    }
}

/* The schemes of a kind of request; the first is the one that is not encrypted from the beginning. */
struct schemes {
    const char *plain, *safe;
    const char *expected;
};

static int parse(const char *url, const struct schemes *schemes, const struct fetch_target *from,
                 const struct address_policy *policy, struct arena *arena, struct fetch_target *ret_target,
                 struct err *err)
{
    struct fetch_target target = {0};
    CURLU *parts = curl_url();
    CURLUcode code = parts == NULL ? CURLUE_OUT_OF_MEMORY : CURLUE_OK;
    if (code == CURLUE_OK && from != NULL) {
        code = curl_url_set(parts, CURLUPART_URL, from->url, 0);
    }
    if (code == CURLUE_OK) {
        code = curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
    }
    if (code == CURLUE_OK) {
        read_parts(parts, from, arena, &target);
    }
    curl_url_cleanup(parts);
    if (code != CURLUE_OK) {
        return err_set(err, ERR_INPUT, "url: expected %s: %s", schemes->expected, curl_url_strerror(code));
    }
    if (target.scheme != NULL && strcmp(target.scheme, schemes->plain) != 0 &&
        strcmp(target.scheme, schemes->safe) != 0) {
        return err_set(err, ERR_INPUT, "url: expected %s or %s, found '%.20s'", schemes->plain, schemes->safe,
                       target.scheme);
    }
    if (target.scheme == NULL || target.url == NULL || target.host == NULL || target.host[0] == '\0') {
        return err_set(err, ERR_INPUT, "url: expected %s", schemes->expected);
    }
    if (check_scheme(&target, from, policy, err) < 0 || check_host(&target, policy, err) < 0) {
        return -1;
    }
    *ret_target = target;
    return 0;
}

int fetch_target_parse(const char *url, const struct fetch_target *from, const struct address_policy *policy,
                       struct arena *arena, struct fetch_target *ret_target, struct err *err)
{
    static const struct schemes web = {"http", "https", "http://HOST/PATH or https://HOST/PATH"};
    return parse(url, &web, from, policy, arena, ret_target, err);
}

int fetch_target_parse_mail(const char *url, const struct address_policy *policy, struct arena *arena,
                            struct fetch_target *ret_target, struct err *err)
{
    static const struct schemes mail = {"smtp", "smtps", "smtp://HOST or smtps://HOST"};
    return parse(url, &mail, NULL, policy, arena, ret_target, err);
}

bool fetch_target_same_origin(const struct fetch_target *a, const struct fetch_target *b)
{
    return strcmp(a->scheme, b->scheme) == 0 && strcasecmp(a->place, b->place) == 0;
}
