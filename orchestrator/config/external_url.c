/* SPDX-License-Identifier: Apache-2.0 */
#include "config/external_url.h"

enum { MOST_BYTES = 1000 };

static const char expected[] = "expected https://HOST[:PORT][/PATH]";

static bool is_plain(struct str text, const char *more)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && (c == '\0' || strchr(more, c) == NULL)) {
            return false;
        }
    }
    return true;
}

/* A name, or an address, with a port perhaps. */
static bool is_host(struct str host)
{
    bool six = str_starts(host, STR("["));
    ptrdiff_t end = six ? str_find_byte(host, ']', 0) : -1;
    if (six && end < 3) {
        return false;
    }
    struct str name = six ? str_slice(host, 1, (size_t)end) : host;
    ptrdiff_t colon = str_find_byte(host, ':', six ? (size_t)end : 0);
    struct str port = colon < 0 ? (struct str){0} : str_slice(host, (size_t)colon + 1, host.n);
    name = !six && colon >= 0 ? str_slice(host, 0, (size_t)colon) : name;
    bool good_port = colon < 0 || (port.n > 0 && port.n < 6 && strspn(port.p, "0123456789") >= port.n);
    bool nothing_between = !six || (size_t)(end + 1) == (colon < 0 ? host.n : (size_t)colon);
    return name.n > 0 && good_port && nothing_between && is_plain(name, six ? ":." : "-._");
}

static bool is_here(struct str host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct str name = str_from(names[i]);
        if (str_starts(host, name) && (host.n == name.n || host.p[name.n] == ':')) {
            return true;
        }
    }
    return false;
}

int external_url_read(struct str text, struct arena *arena, const char **ret, struct err *err)
{
    bool secured = str_starts(text, STR("https://"));
    bool open = str_starts(text, STR("http://"));
    struct str rest = str_slice(text, secured ? 8 : open ? 7 : 0, text.n);
    ptrdiff_t slash = str_find_byte(rest, '/', 0);
    struct str host = str_slice(rest, 0, slash < 0 ? rest.n : (size_t)slash);
    struct str path = str_slice(rest, host.n, rest.n);
    if ((!secured && !open) || text.n > MOST_BYTES || !is_host(host) || !is_plain(path, "/-._~")) {
        return err_set(err, ERR_INPUT, "'%.*s' is no address of a server: %s", (int)(text.n > 100 ? 100 : text.n),
                       text.p, expected);
    }
    if (open && !is_here(host)) {
        return err_set(err, ERR_INPUT, "'%.*s' would be sent in the open: %s (http for this machine alone)",
                       (int)(text.n > 100 ? 100 : text.n), text.p, expected);
    }
    while (text.n > 0 && text.p[text.n - 1] == '/') {
        text = str_slice(text, 0, text.n - 1);
    }
    *ret = arena_str(arena, text).p;
    return 0;
}
