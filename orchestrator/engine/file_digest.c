/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/file_digest.h"

#include "base/fs.h"
#include "base/path.h"
#include "store/cache.h"

#include <string.h>

enum { SETTLED_AFTER_MS = 2000 };

static int64_t changed_ms(const struct stat *status)
{
    int64_t written = (int64_t)status->st_mtim.tv_sec * 1000 + status->st_mtim.tv_nsec / 1000000;
    int64_t changed = (int64_t)status->st_ctim.tv_sec * 1000 + status->st_ctim.tv_nsec / 1000000;
    return written > changed ? written : changed;
}

int file_digest_stamped(struct store *store, const char *path, int64_t now_ms, struct digest *ret_digest,
                        char ret_stamp[STAMP_BYTES], struct err *err)
{
    struct stat status;
    int64_t size = 0;
    if (stat(path, &status) < 0) {
        return err_errno(err, "looking at '%s'", path);
    }
    stamp_write(&status, ret_stamp);
    int known = store_file_digest_get(store, path, ret_stamp, ret_digest->hex, err);
    if (known != 0) {
        return known < 0 ? -1 : 0;
    }
    if (digest_file(path, ret_digest, &size, err) < 0) {
        return -1;
    }
    if (changed_ms(&status) + SETTLED_AFTER_MS >= now_ms) {
        ret_stamp[0] = '\0';
        return 0;
    }
    return store_file_digest_put(store, path, ret_stamp, ret_digest->hex, err);
}

static int digest_of_file(struct store *store, const char *path, int64_t now_ms, struct digest *ret_digest,
                          struct err *err)
{
    char stamp[STAMP_BYTES];
    return file_digest_stamped(store, path, now_ms, ret_digest, stamp, err);
}

static int digest_of_folder(struct store *store, const char *path, int64_t now_ms, struct arena *arena,
                            struct digest *ret_digest, struct err *err)
{
    struct fs_list list = {0};
    struct strbuf lines;
    strbuf_init(&lines, (size_t)1 << 30);
    int result = fs_walk(path, STAMP_MAX_FILES, arena, &list, err);
    for (size_t i = 0; i < list.count && result == 0; i++) {
        struct digest digest;
        result = digest_of_file(store, path_join(arena, path, list.entries[i].path), now_ms, &digest, err);
        strbuf_add(&lines, list.entries[i].path, strlen(list.entries[i].path) + 1);
        strbuf_add(&lines, digest.hex, 64);
        strbuf_add_byte(&lines, '\n');
    }
    *ret_digest = digest_bytes(strbuf_str(&lines));
    strbuf_clear(&lines);
    return result;
}

int file_digest(struct store *store, const char *path, int64_t now_ms, struct digest *ret_digest, struct err *err)
{
    if (!fs_is_folder(path)) {
        return digest_of_file(store, path, now_ms, ret_digest, err);
    }
    struct arena *arena = arena_new();
    int result = digest_of_folder(store, path, now_ms, arena, ret_digest, err);
    arena_free(arena);
    return result;
}
