/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/requirements.h"

#include "base/fs.h"
#include "base/path.h"

#include <string.h>

enum { FILE_BYTES_MAX = 1 << 20 };

/* What stands behind the option in a line, without a comment; an empty text where it is none of those. */
static struct str named_file(struct str line)
{
    static const char *const options[] = {"--requirement", "--constraint", "-r", "-c"};
    ptrdiff_t comment = str_find(line, STR(" #"));
    line = str_trim(comment < 0 ? line : str_slice(line, 0, (size_t)comment));
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        size_t length = strlen(options[i]);
        if (!str_starts(line, str_from(options[i]))) {
            continue;
        }
        struct str rest = str_slice(line, length, line.n);
        bool apart = rest.n > 0 && (rest.p[0] == ' ' || rest.p[0] == '\t' || rest.p[0] == '=');
        bool is_long = options[i][1] == '-';
        rest = apart ? str_trim(str_slice(rest, 1, rest.n)) : is_long ? STR("") : rest;
        return str_find(rest, STR("://")) >= 0 ? STR("") : rest;
    }
    return STR("");
}

static bool is_known(const char *const *files, size_t count, const char *path)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(files[i], path) == 0) {
            return true;
        }
    }
    return false;
}

size_t requirements_files(const char *path, struct arena *arena, const char *ret[REQUIREMENTS_MAX],
                          const char **ret_more)
{
    size_t count = 0;
    *ret_more = NULL;
    ret[count++] = path_normal(arena, path);
    for (size_t i = 0; i < count; i++) {
        struct str text;
        struct str line;
        if (fs_read_file(ret[i], FILE_BYTES_MAX, arena, &text, NULL) < 0) {
            continue;
        }
        while (str_cut(&text, '\n', &line)) {
            struct str name = named_file(line);
            const char *file = path_normal(arena, path_join(arena, path_dir(arena, ret[i]), arena_str(arena, name).p));
            if (name.n == 0 || is_known(ret, count, file)) {
                continue;
            }
            if (count == REQUIREMENTS_MAX) {
                *ret_more = file;
                return count;
            }
            ret[count++] = file;
        }
    }
    return count;
}
