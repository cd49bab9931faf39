/* SPDX-License-Identifier: Apache-2.0 */
#include "gc/disk.h"

#include "base/str.h"

#include <dirent.h>
#include <fts.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { BLOCK_BYTES = 512, STAGE_DIGITS = 32 };

/* ".new-" and an id: what publish_stage calls what is not yet in place. */
static bool is_stage(const char *name)
{
    struct str id = str_from(name);
    if (!str_starts(id, STR(".new-")) || id.n != strlen(".new-") + STAGE_DIGITS) {
        return false;
    }
    return strspn(name + strlen(".new-"), "0123456789abcdef") == STAGE_DIGITS;
}

void disk_weigh(const char *path, bool (*stage)(void *ctx, const char *path), void *ctx, struct gc_weight *weight)
{
    char *roots[] = {(char *)(uintptr_t)path, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    FTSENT *entry = NULL;
    while (walk != NULL && (entry = fts_read(walk)) != NULL) {
        if (entry->fts_info == FTS_DP || entry->fts_info == FTS_NS || entry->fts_info == FTS_ERR) {
            continue;
        }
        if (stage != NULL && entry->fts_level > 0 && is_stage(entry->fts_name) && stage(ctx, entry->fts_path)) {
            (void)fts_set(walk, entry, FTS_SKIP);
            continue;
        }
        bool folder = entry->fts_info == FTS_D || entry->fts_info == FTS_DNR || entry->fts_info == FTS_DC;
        weight->files += folder ? 0 : 1;
        weight->bytes += entry->fts_statp == NULL ? 0 : (int64_t)entry->fts_statp->st_blocks * BLOCK_BYTES;
    }
    if (walk != NULL) {
        (void)fts_close(walk);
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *const *disk_list(const char *folder, struct arena *arena, size_t *ret_count)
{
    const char **names = NULL;
    size_t room = 0;
    DIR *entries = opendir(folder);
    *ret_count = 0;
    for (struct dirent *entry = entries == NULL ? NULL : readdir(entries); entry != NULL; entry = readdir(entries)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            names = arena_grow(arena, names, *ret_count, &room, sizeof *names);
            names[(*ret_count)++] = arena_strdup(arena, entry->d_name);
        }
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
    if (*ret_count > 1) {
        qsort(names, *ret_count, sizeof *names, by_text);
    }
    return names;
}
