/* SPDX-License-Identifier: Apache-2.0 */
#include "gc/aside.h"

#include "base/fs.h"
#include "base/path.h"
#include "gc/rows.h"
#include "store/holdings.h"
#include "store/removals.h"

#include <errno.h>
#include <stdio.h>

static int set_one_aside(struct store *store, const char *path, int64_t now_ms, struct arena *arena, struct err *err)
{
    const char *name = arena_printf(arena, ".gone-%s-%lld", path_base(path), (long long)now_ms);
    const char *aside = path_join(arena, path_dir(arena, path), name);
    if (rename(path, aside) < 0) {
        return errno == ENOENT ? store_removal_done(store, path, err)
                               : err_errno(err, "giving '%s', which is to be removed, the name '%s'", path, name);
    }
    return fs_sync_name(aside, err) < 0 ? -1 : store_removal_move(store, path, aside, err);
}

int gc_set_aside(struct store *store, const char *home, const char *const *paths, size_t count, int64_t now_ms,
                 struct arena *arena, struct err *err)
{
    if (count == 0) {
        return 0;
    }
    if (store_begin(store, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (gc_is_ours(home, paths[i], arena) && set_one_aside(store, paths[i], now_ms, arena, err) < 0) {
            store_rollback(store);
            return -1;
        }
    }
    return store_commit(store, err);
}

static int set_aside_of_those_that_stay(struct store *store, const char *home, int64_t now_ms, struct arena *arena,
                                        struct err *err)
{
    struct removal *rows = NULL;
    size_t count = 0;
    size_t kept = 0;
    if (store_removal_list(store, arena, &rows, &count, err) < 0) {
        return -1;
    }
    const char **paths = arena_array(arena, count, sizeof *paths);
    for (size_t i = 0; i < count; i++) {
        int known = store_holding_is_known(store, path_base(rows[i].path), err);
        if (known < 0) {
            return -1;
        }
        paths[kept] = rows[i].path;
        kept += known == 1;
    }
    return gc_set_aside(store, home, paths, kept, now_ms, arena, err);
}

int gc_set_interrupted_aside(struct store *store, const char *home, int64_t now_ms, struct err *err)
{
    struct arena *arena = arena_new();
    int result = set_aside_of_those_that_stay(store, home, now_ms, arena, err);
    arena_free(arena);
    return result;
}
