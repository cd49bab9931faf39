/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/check.h"

#include "base/path.h"
#include "store/holdings.h"
#include "store/runs.h"

#include <stdlib.h>
#include <string.h>

static void add_fault(struct backup_faults *faults, const char *words)
{
    faults->first = faults->count == 0 ? words : faults->first;
    faults->count++;
}

int backup_check_files(const char *backup, const struct backup_list *list, struct arena *arena,
                       struct backup_faults *ret, struct err *err)
{
    *ret = (struct backup_faults){0};
    for (size_t i = 0; i < list->count; i++) {
        const struct backup_file *file = &list->items[i];
        struct digest digest;
        struct err wrong = {0};
        int64_t size = 0;
        const char *path = path_join(arena, path_join(arena, backup, "home"), file->path);
        if (digest_file(path, &digest, &size, &wrong) < 0) {
            if (wrong.code != ERR_NOT_FOUND && wrong.code != ERR_INPUT) {
                return err_set(err, wrong.code, "%s", wrong.message);
            }
            add_fault(ret, arena_strdup(arena, wrong.message));
        } else if (size != file->size_bytes || !digest_equal(digest.hex, file->sha256)) {
            add_fault(ret, arena_printf(arena, "'%s' is not what was copied: %lld bytes, sha256 %s, expected %lld, %s",
                                        path, (long long)size, digest.hex, (long long)file->size_bytes, file->sha256));
        }
    }
    return 0;
}

static int by_path(const void *key, const void *item)
{
    return strcmp(key, ((const struct backup_file *)item)->path);
}

static int check_owner(struct store *store, const struct holding_owner *owner, const char *below,
                       const struct backup_list *list, struct arena *arena, struct backup_faults *faults,
                       struct err *err)
{
    struct artifact *rows = NULL;
    size_t count = 0;
    if (store_artifact_list(store, owner->id, arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const char *path = path_join(arena, below, rows[i].path);
        const struct backup_file *file =
            list->count == 0 ? NULL : bsearch(path, list->items, list->count, sizeof *list->items, by_path);
        if (file == NULL || !digest_equal(file->sha256, rows[i].sha256)) {
            add_fault(faults, arena_printf(arena, "'%s' of %s %s: recorded is sha256 %s", path, owner->id,
                                           file == NULL ? "is not there" : "is not what was published",
                                           rows[i].sha256));
        }
    }
    return 0;
}

int backup_check_rows(struct store *store, const char *home, const struct backup_list *list, struct arena *arena,
                      struct backup_faults *ret, struct err *err)
{
    struct holding_owner *owners = NULL;
    size_t count = 0;
    struct str folder = str_from(arena_printf(arena, "%s/", home));
    *ret = (struct backup_faults){0};
    if (store_holding_owners(store, arena, &owners, &count, err) < 0) {
        return -1;
    }
    struct arena *mine = arena_new();
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        bool here = owners[i].keeps_files && str_starts(str_from(owners[i].artifact_uri), folder);
        result = here ? check_owner(store, &owners[i], owners[i].artifact_uri + folder.n, list, mine, ret, err) : 0;
        if (ret->count == 0) {
            arena_reset(mine);
        }
    }
    ret->first = ret->first == NULL ? NULL : arena_strdup(arena, ret->first);
    arena_free(mine);
    return result;
}
