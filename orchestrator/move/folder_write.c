/* SPDX-License-Identifier: Apache-2.0 */
#include "move/folder_write.h"

#include "base/fs.h"
#include "base/path.h"
#include "base/utf8.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* ---- YAML ------------------------------------------------------------------------------------------------------- */

/* What MLflow's reader refuses where it is not escaped: controls, and what ends a line or marks the order of bytes. */
static bool is_escaped(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff || c == 0xfffe ||
           c == 0xffff || c == '"' || c == '\\';
}

static void add_quoted(struct strbuf *lines, const char *text)
{
    struct str rest = str_from(text);
    strbuf_add_text(lines, "\"");
    while (rest.n > 0) {
        uint32_t c = 0;
        size_t n = utf8_decode(rest.p, rest.n, &c);
        n = n == 0 ? 1 : n; /* what is no UTF-8 stays: it is as it came */
        if (is_escaped(c)) {
            strbuf_printf(lines, "\\u%04x", (unsigned)c);
        } else {
            strbuf_add_str(lines, str_slice(rest, 0, n));
        }
        rest = str_slice(rest, n, rest.n);
    }
    strbuf_add_text(lines, "\"");
}

void folder_add_text(struct strbuf *lines, int indent, const char *key, const char *value)
{
    strbuf_printf(lines, "%*s", indent, "");
    add_quoted(lines, key);
    strbuf_add_text(lines, ": ");
    if (value == NULL) {
        strbuf_add_text(lines, "null");
    } else {
        add_quoted(lines, value);
    }
    strbuf_add_text(lines, "\n");
}

void folder_add_text_or_null(struct strbuf *lines, const char *key, const char *value)
{
    folder_add_text(lines, 0, key, value == NULL || *value == '\0' ? NULL : value);
}

void folder_add_int(struct strbuf *lines, const char *key, int64_t value)
{
    strbuf_printf(lines, "%s: %lld\n", key, (long long)value);
}

void folder_add_pairs(struct strbuf *lines, const char *key, const struct pair *pairs, size_t count)
{
    strbuf_printf(lines, "%s:%s\n", key, count == 0 ? " {}" : "");
    for (size_t i = 0; i < count; i++) {
        folder_add_text(lines, 2, pairs[i].key, pairs[i].value == NULL ? "" : pairs[i].value);
    }
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

int folder_file_write(const char *folder, const char *file, struct strbuf *lines, struct arena *arena,
                      struct err *err)
{
    const char *path = path_join(arena, folder, file);
    int result = lines->overflow ? err_set(err, ERR_LIMIT, "'%s' would be larger than %d MB", path,
                                           FOLDER_TEXT_MAX >> 20)
                 : fs_make_folders(folder, 0777, err) < 0
                     ? -1
                     : fs_write(path, (struct str){lines->data, lines->length}, 0666, false, err);
    strbuf_reset(lines);
    return result;
}

/* A folder where a file is wanted, or the other way round. */
static bool is_in_the_way(const char *folder, const char *key, struct arena *arena)
{
    struct stat status;
    for (const char *at = strchr(key, '/'); at != NULL; at = strchr(at + 1, '/')) {
        const char *part = arena_printf(arena, "%s/%.*s", folder, (int)(at - key), key);
        if (lstat(part, &status) == 0 && !S_ISDIR(status.st_mode)) {
            return true;
        }
    }
    return lstat(path_join(arena, folder, key), &status) == 0;
}

int folder_key_path(const char *folder, const char *key, struct arena *arena, const char **ret, struct err *err)
{
    enum { NAME_BYTES_MAX = 240 };
    struct str rest = str_from(key);
    struct str part;
    bool good = path_is_below(rest) && strcmp(path_normal(arena, key), key) == 0;
    while (good && rest.p != NULL && str_cut(&rest, '/', &part)) {
        good = part.n > 0 && part.n <= NAME_BYTES_MAX;
    }
    if (!good || is_in_the_way(folder, key, arena)) {
        return 0;
    }
    *ret = path_join(arena, folder, key);
    return fs_make_folders(path_dir(arena, *ret), 0777, err) < 0 ? -1 : 1;
}

int folder_pairs_write(const char *folder, const char *part, const struct moved_pairs *pairs, struct arena *arena,
                       int64_t *ret_left, struct err *err)
{
    const char *below = path_join(arena, folder, part);
    for (size_t i = 0; i < pairs->count; i++) {
        const char *path = NULL;
        int found = folder_key_path(below, pairs->items[i].key, arena, &path, err);
        if (found < 0 || (found == 1 && fs_write(path, str_from(pairs->items[i].value), 0666, false, err) < 0)) {
            return -1;
        }
        *ret_left += found == 0;
    }
    return 0;
}
