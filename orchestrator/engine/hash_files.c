/* SPDX-License-Identifier: Apache-2.0
 * hashFiles of expressions.
 */
#include "base/fs.h"
#include "base/path.h"
#include "digest/digest.h"
#include "engine/engine_internal.h"

/* A walk over what is not the workspace could take for ever, and what it found is no part of the run. */
static int check_glob(struct str glob, struct err *err)
{
    struct str rest = glob;
    struct str part = {0};
    bool climbs = glob.n == 0 || glob.p[0] == '/';
    while (!climbs && str_cut(&rest, '/', &part)) {
        climbs = str_is(part, "..");
    }
    return climbs ? err_set(err, ERR_INPUT, "hashFiles('%.*s'): expected a path below the workspace", STR_ARG(glob))
                  : 0;
}

int spawn_hash_files(void *ctx, const struct str *globs, size_t count, struct arena *arena, struct json *ret,
                     struct err *err)
{
    const char *workspace = ctx;
    struct digest_builder *builder = digest_builder_new();
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        struct fs_list list = {0};
        result = check_glob(globs[i], err) < 0
                     ? -1
                     : fs_glob(workspace, arena_str(arena, globs[i]).p, arena, &list, err);
        for (size_t f = 0; f < list.count && result == 0; f++) {
            struct digest digest;
            int64_t size = 0;
            result = digest_tree(path_join(arena, workspace, list.entries[f].path), &digest, &size, err);
            digest_builder_add(builder, str_from(list.entries[f].path));
            digest_builder_add(builder, str_from(digest.hex));
        }
    }
    struct digest whole = digest_builder_take(builder);
    *ret = json_cstring(arena, whole.hex);
    return result;
}
