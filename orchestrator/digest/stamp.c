/* SPDX-License-Identifier: Apache-2.0 */
#include "digest/stamp.h"

#include "base/fs.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "digest/digest.h"

#include <stdio.h>

void stamp_write(const struct stat *status, char room[STAMP_BYTES])
{
    (void)snprintf(room, STAMP_BYTES, "%llx:%llx:%lld:%lld.%09ld:%lld.%09ld", (unsigned long long)status->st_dev,
                   (unsigned long long)status->st_ino, (long long)status->st_size, (long long)status->st_mtim.tv_sec,
                   status->st_mtim.tv_nsec, (long long)status->st_ctim.tv_sec, status->st_ctim.tv_nsec);
}

/* False for what is no plain file. */
static bool stamp_of_file(const char *path, char room[STAMP_BYTES])
{
    struct stat status;
    if (lstat(path, &status) < 0 || !S_ISREG(status.st_mode)) {
        return false;
    }
    stamp_write(&status, room);
    return true;
}

static const char *stamp_of_folder(const char *folder, struct arena *arena)
{
    struct fs_list list = {0};
    struct strbuf lines;
    char one[STAMP_BYTES];
    strbuf_init(&lines, (size_t)1 << 30);
    bool whole = fs_walk(folder, STAMP_MAX_FILES, arena, &list, NULL) == 0;
    for (size_t i = 0; i < list.count && whole; i++) {
        whole = stamp_of_file(path_join(arena, folder, list.entries[i].path), one);
        strbuf_add(&lines, list.entries[i].path, strlen(list.entries[i].path) + 1);
        strbuf_add_text(&lines, whole ? one : "");
        strbuf_add_byte(&lines, '\n');
    }
    struct digest digest = digest_bytes(strbuf_str(&lines));
    strbuf_clear(&lines);
    return whole ? arena_printf(arena, "%zu:%s", list.count, digest.hex) : "";
}

const char *stamp_take(const char *path, struct arena *arena)
{
    char one[STAMP_BYTES];
    struct stat status;
    if (lstat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        return stamp_of_folder(path, arena);
    }
    return stamp_of_file(path, one) ? arena_strdup(arena, one) : "";
}

int stamp_verify(const struct json *entry, struct arena *arena, struct err *err)
{
    const char *what = json_get_text(entry, "what", "?");
    const char *path = json_get_text(entry, "path", "");
    const char *expected = json_get_text(entry, "sha256", "");
    const char *stamp = json_get_text(entry, "stamp", "");
    struct digest digest;
    int64_t size = 0;
    if (*stamp != '\0' && strcmp(stamp, stamp_take(path, arena)) == 0) {
        return 0;
    }
    if (!fs_exists(path)) {
        return err_set(err, ERR_STATE, "%s is gone: there is nothing at '%s' any more", what, path);
    }
    if (digest_tree(path, &digest, &size, err) < 0) {
        return err_add(err, "%s", what);
    }
    return digest_equal(digest.hex, expected)
               ? 0
               : err_set(err, ERR_STATE, "%s is not what was recorded: sha256 %s, expected %s", what, digest.hex,
                         expected);
}
