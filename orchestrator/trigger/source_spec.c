/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger/source_spec.h"

struct source_spec source_spec_read(const struct json *row, struct arena *arena)
{
    struct source_spec spec = {0};
    const struct {
        const char *key;
        const char **at;
    } texts[] = {
        {"name", &spec.name},         {"url", &spec.url},         {"branch", &spec.branch},
        {"path", &spec.path},         {"page", &spec.page},       {"username", &spec.username},
        {"ca", &spec.ca},             {"known_hosts", &spec.known_hosts}, {"ssh_key_file", &spec.ssh_key_file},
        {"password", &spec.password}, {"ssh_key", &spec.ssh_key}, {"passphrase", &spec.passphrase},
        {"verify", &spec.verify},     {"secret", &spec.secret},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i].at = arena_strdup(arena, json_get_text(row, texts[i].key, ""));
    }
    spec.every_ms = json_get_int(row, "every_ms", 60000);
    spec.timeout_ms = json_get_int(row, "timeout_ms", 600000);
    spec.max_bytes = json_get_int(row, "max_bytes", (int64_t)1 << 30);
    return spec;
}

/* ---- pages ------------------------------------------------------------------------------------------------------ */

/* By what a host is called: the whole name, or a word of it ("gitlab.example.org"). */
static const struct {
    const char *host;
    bool whole;
    const char *between; /* of the repository's page and the commit */
} forges[] = {
    {"github.com", true, "/commit/"},    {"bitbucket.org", true, "/commits/"}, {"codeberg.org", true, "/commit/"},
    {"gitlab", false, "/-/commit/"},     {"gitea", false, "/commit/"},         {"forgejo", false, "/commit/"},
    {"github", false, "/commit/"},
};

/* A whole label of it, so that "gitlab" is in "gitlab.example.org" and not in "notgitlab.example.org". */
static bool has_label(struct str host, const char *label)
{
    struct str part = {0};
    while (str_cut(&host, '.', &part)) {
        if (str_is(part, label)) {
            return true;
        }
    }
    return false;
}

/* Host and path of "https://host/path", "ssh://git@host:22/path", "git@host:path". */
static bool take_apart(struct str url, struct str *ret_host, struct str *ret_path)
{
    ptrdiff_t scheme = str_find(url, STR("://"));
    struct str rest = scheme < 0 ? url : str_slice(url, (size_t)scheme + 3, url.n);
    ptrdiff_t end = str_find_byte(rest, scheme < 0 ? ':' : '/', 0);
    if (str_starts(url, STR("file://")) || end <= 0 || url.p[0] == '/') {
        return false;
    }
    struct str host = str_slice(rest, 0, (size_t)end);
    struct str path = str_slice(rest, (size_t)end + 1, rest.n);
    ptrdiff_t at = str_find_byte(host, '@', 0);
    host = at < 0 ? host : str_slice(host, (size_t)at + 1, host.n);
    /* The port of ssh is none of its pages; that of https is. */
    ptrdiff_t port = str_starts(url, STR("ssh://")) ? str_find_byte(host, ':', 0) : -1;
    *ret_host = port < 0 ? host : str_slice(host, 0, (size_t)port);
    while (path.n > 0 && path.p[0] == '/') {
        path = str_slice(path, 1, path.n);
    }
    while (path.n > 0 && path.p[path.n - 1] == '/') {
        path.n--;
    }
    path.n -= str_ends(path, STR(".git")) ? strlen(".git") : 0;
    *ret_path = path;
    return host.n > 0 && path.n > 0;
}

const char *source_commit_page(const char *url, const char *page, const char *commit, struct arena *arena)
{
    struct str host = {0};
    struct str path = {0};
    if (commit == NULL || *commit == '\0') {
        return NULL;
    }
    if (page != NULL && *page != '\0') {
        const char *at = strstr(page, "{commit}");
        return at == NULL ? NULL
                          : arena_printf(arena, "%.*s%s%s", (int)(at - page), page, commit, at + strlen("{commit}"));
    }
    if (!take_apart(str_from(url), &host, &path)) {
        return NULL;
    }
    ptrdiff_t port = str_find_byte(host, ':', 0);
    struct str name = port < 0 ? host : str_slice(host, 0, (size_t)port);
    for (size_t i = 0; i < sizeof forges / sizeof forges[0]; i++) {
        if (forges[i].whole ? str_is(name, forges[i].host) : has_label(name, forges[i].host)) {
            return arena_printf(arena, "https://%.*s/%.*s%s%s", STR_ARG(host), STR_ARG(path), forges[i].between,
                                commit);
        }
    }
    return NULL;
}

const char *source_repo(const char *url, struct arena *arena)
{
    struct str text = str_from(url);
    ptrdiff_t scheme = str_find(text, STR("://"));
    if (scheme < 0) {
        return arena_strdup(arena, url); /* USER@HOST:PATH is what it is called */
    }
    struct str rest = str_slice(text, (size_t)scheme + 3, text.n);
    ptrdiff_t slash = str_find_byte(rest, '/', 0);
    ptrdiff_t at = str_find_byte(slash < 0 ? rest : str_slice(rest, 0, (size_t)slash), '@', 0);
    return at < 0 ? arena_strdup(arena, url)
                  : arena_printf(arena, "%.*s://%.*s", (int)scheme, url, (int)(rest.n - (size_t)at - 1),
                                 rest.p + at + 1);
}
