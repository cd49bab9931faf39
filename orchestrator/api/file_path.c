/* SPDX-License-Identifier: Apache-2.0 */
#include "api/file_path.h"

#include "base/percent.h"
#include "base/utf8.h"

static int refuse(struct err *err)
{
    return err_set(err, ERR_INPUT, "Invalid path");
}

static bool is_dots(struct str part)
{
    return str_is(part, ".") || str_is(part, "..");
}

/* Whoever decodes once more than we must not find what we have not seen: "%2e%2e", "%252e". */
static bool hides_dots(struct str part, struct arena *arena)
{
    struct str inner = part;
    for (int depth = 0; depth < 8 && str_find_byte(inner, '%', 0) >= 0; depth++) {
        struct str next;
        if (!percent_decode(inner, false, arena, &next)) {
            return false; /* a '%' that is only itself */
        }
        if (is_dots(next) || str_find_byte(next, '/', 0) >= 0 || str_find_byte(next, '\\', 0) >= 0) {
            return true;
        }
        inner = next;
    }
    return is_dots(inner);
}

static bool is_good_part(struct str part, struct arena *arena)
{
    if (part.n == 0 || part.n > FILE_NAME_BYTES_MAX || is_dots(part)) {
        return false;
    }
    for (size_t i = 0; i < part.n; i++) {
        unsigned char c = (unsigned char)part.p[i];
        if (c < 0x20 || c == 0x7f || c == '\\' || c == '#') {
            return false;
        }
    }
    return !hides_dots(part, arena);
}

static bool has_drive(struct str path)
{
    bool letter = path.n > 1 && ((path.p[0] | 0x20) >= 'a' && (path.p[0] | 0x20) <= 'z');
    return letter && path.p[1] == ':' && (path.n == 2 || path.p[2] == '/');
}

int file_path_check(struct str decoded, struct arena *arena, const char **ret, struct err *err)
{
    struct str path = decoded;
    if (path.n > 1 && path.p[path.n - 1] == '/') {
        path.n--;
    }
    if (path.n > FILE_PATH_BYTES_MAX || !utf8_valid(path) || has_drive(path)) {
        return refuse(err);
    }
    struct str rest = path;
    struct str part;
    while (path.n > 0 && str_cut(&rest, '/', &part)) {
        if (!is_good_part(part, arena)) {
            return refuse(err);
        }
    }
    *ret = arena_str(arena, path).p;
    return 0;
}
