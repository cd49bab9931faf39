/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include "base/strbuf.h"

#include <stdlib.h>

char *path_join(struct arena *arena, const char *a, const char *b)
{
    if (b[0] == '/' || a[0] == '\0') {
        return arena_strdup(arena, b);
    }
    bool slash = a[strlen(a) - 1] == '/';
    return arena_printf(arena, "%s%s%s", a, slash ? "" : "/", b);
}

char *path_normal(struct arena *arena, const char *path)
{
    bool absolute = path[0] == '/';
    size_t length = strlen(path);
    char *out = arena_alloc(arena, length + 2);
    size_t n = 0;
    size_t floor = 0; /* below it stand ".." parts that cannot be resolved */
    struct str rest = str_from(path);
    struct str part = {0};
    while (str_cut(&rest, '/', &part)) {
        if (part.n == 0 || str_is(part, ".")) {
            continue;
        }
        if (str_is(part, "..")) {
            if (n > floor) {
                while (n > floor && out[n - 1] != '/') {
                    n--;
                }
                n -= n > floor ? 1 : 0;
                continue;
            }
            if (absolute) {
                continue;
            }
        }
        if (n > 0) {
            out[n++] = '/';
        }
        memcpy(out + n, part.p, part.n);
        n += part.n;
        floor = str_is(part, "..") ? n : floor;
    }
    if (absolute) {
        memmove(out + 1, out, n);
        out[0] = '/';
        n++;
    }
    out[n] = '\0';
    return n == 0 ? arena_strdup(arena, ".") : out;
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

char *path_dir(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return arena_strdup(arena, ".");
    }
    return slash == path ? arena_strdup(arena, "/") : arena_dup(arena, path, (size_t)(slash - path));
}

bool path_is_below(struct str path)
{
    if (path.n == 0 || path.p[0] == '/' || memchr(path.p, '\0', path.n) != NULL) {
        return false;
    }
    struct str part = {0};
    while (str_cut(&path, '/', &part)) {
        if (part.n == 0 || str_is(part, ".") || str_is(part, "..")) {
            return false;
        }
    }
    return true;
}

/* One character class "[a-z]" or "[!a-z]" at `glob`; returns its length, 0 when it is not closed. */
static size_t match_class(const char *glob, char c, bool *ret_matches)
{
    size_t i = 1;
    bool negated = glob[i] == '!' || glob[i] == '^';
    bool found = false;
    i += negated ? 1 : 0;
    for (size_t first = i; glob[i] != '\0' && (glob[i] != ']' || i == first); i++) {
        if (glob[i + 1] == '-' && glob[i + 2] != ']' && glob[i + 2] != '\0') {
            found =
                found || ((unsigned char)glob[i] <= (unsigned char)c && (unsigned char)c <= (unsigned char)glob[i + 2]);
            i += 2;
        } else {
            found = found || glob[i] == c;
        }
    }
    *ret_matches = found != negated && c != '/';
    return glob[i] == ']' ? i + 1 : 0;
}

/* Iterative with one point to come back to for each kind of star: linear in practice, quadratic at worst, never
 * exponential. */
bool path_matches(const char *glob, const char *path)
{
    const char *star = NULL;        /* the last '*' and where its match ends */
    const char *star_path = NULL;
    const char *double_star = NULL; /* the last "**" */
    const char *double_path = NULL;
    bool whole = false; /* it is a whole part and takes whole parts: "a/" + "**" + "/b" is a/b and a/x/b, not a/xb */
    const char *first = glob;
    for (;;) {
        if (glob[0] == '*' && glob[1] == '*') {
            whole = glob[2] == '/' && (glob == first || glob[-1] == '/');
            glob += whole ? 3 : 2;
            double_star = glob;
            double_path = path;
            star = NULL;
            continue;
        }
        if (*glob == '*') {
            star = ++glob;
            star_path = path;
            continue;
        }
        bool matches = false;
        size_t step = 1;
        if (*path != '\0' && *glob == '[') {
            step = match_class(glob, *path, &matches);
            if (step == 0) {
                step = 1;
                matches = *path == '[';
            }
        } else if (*path != '\0') {
            matches = *glob == '?' ? *path != '/' : *glob == *path;
        }
        if (matches) {
            glob += step;
            path++;
            continue;
        }
        if (*path == '\0' && *glob == '\0') {
            return true;
        }
        if (star != NULL && *star_path != '\0' && *star_path != '/') {
            glob = star;
            path = ++star_path;
            continue;
        }
        const char *next = double_star == NULL || *double_path == '\0' ? NULL : double_path;
        next = next != NULL && whole ? strchr(next, '/') : next;
        if (next == NULL) {
            return false;
        }
        glob = double_star;
        path = double_path = next + 1;
        star = NULL;
    }
}
