/* SPDX-License-Identifier: Apache-2.0 */
#include "move/place.h"

#include "base/path.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool place_id_is_plain(const char *id)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t length = strspn(id, letters);
    return length > 0 && length <= 256 && id[length] == '\0';
}

/* "%20" is a blank; what is no such thing stays. */
static const char *decode(const char *text, struct arena *arena)
{
    char *to = arena_strdup(arena, text);
    char *end = to;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '%' && isxdigit((unsigned char)c[1]) && isxdigit((unsigned char)c[2])) {
            char digits[3] = {c[1], c[2], '\0'};
            *end++ = (char)strtol(digits, NULL, 16);
            c += 2;
        } else {
            *end++ = *c;
        }
    }
    *end = '\0';
    return to;
}

/* Behind "scheme:" and an authority: "/p" of "file:///p", "file:/p" and "mlflow-artifacts://host:5000/p". */
static const char *path_of(const char *rest)
{
    if (strncmp(rest, "//", 2) != 0) {
        return rest;
    }
    const char *path = strchr(rest + 2, '/');
    return path == NULL ? "/" : path;
}

static bool has_scheme(const char *uri)
{
    size_t n = strspn(uri, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    return n > 1 && uri[n] == ':'; /* one letter is a drive of another system */
}

static bool has_part(const char *path, const char *part, bool any_dots)
{
    struct str rest = str_from(path);
    struct str one;
    while (rest.p != NULL && str_cut(&rest, '/', &one)) {
        if ((part != NULL && str_is(one, part)) || (any_dots && str_is(one, ".."))) {
            return true;
        }
    }
    return false;
}

static int local(const char *path, const char *owner, struct arena *arena, struct place *ret, struct err *err)
{
    if (has_part(path, NULL, true)) {
        return err_set(err, ERR_INPUT, "its files are said to be at '%s': a path with '..' is not followed", path);
    }
    const char *normal = path_normal(arena, path);
    if (!has_part(normal, owner, false)) {
        return err_set(err, ERR_INPUT, "its files are said to be at '%s', which is no folder of '%s'", path, owner);
    }
    *ret = (struct place){PLACE_LOCAL, normal};
    return 0;
}

int place_find(const char *uri, const char *owner, const char *folder, const char *artifacts_root,
               struct arena *arena, struct place *ret, struct err *err)
{
    static const char served[] = "mlflow-artifacts:";
    *ret = (struct place){PLACE_FOREIGN, NULL};
    if (*uri == '\0') {
        ret->kind = PLACE_NONE;
        return 0;
    }
    if (strncmp(uri, served, strlen(served)) == 0) {
        ret->kind = PLACE_SERVER;
        const char *below = decode(path_of(uri + strlen(served)), arena);
        return artifacts_root == NULL
                   ? 0
                   : local(arena_printf(arena, "%s/%s", artifacts_root, below), owner, arena, ret, err);
    }
    if (strncmp(uri, "file:", 5) == 0) {
        return local(decode(path_of(uri + 5), arena), owner, arena, ret, err);
    }
    if (uri[0] == '/') {
        return local(uri, owner, arena, ret, err);
    }
    if (has_scheme(uri) || folder == NULL) {
        return 0;
    }
    return local(path_join(arena, folder, uri), owner, arena, ret, err);
}
