/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/publish.h"

#include "base/crash_point.h"
#include "base/fs.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/path.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

const char *publish_stage(const char *target, struct arena *arena, struct err *err)
{
    if (fs_make_folders(path_dir(arena, target), 0775, err) < 0) {
        return NULL;
    }
    struct id id = id_run(NULL, clock_wall_ms(&clock_system));
    return arena_printf(arena, "%s/.new-%s", path_dir(arena, target), id.text);
}

/* Read-only. Where our umask leaves the group everything, we share a home with it: then the group reads what its owner
 * does, or who keeps the home could not. */
static mode_t published_mode(mode_t mode)
{
    mode_t mask = umask(0);
    (void)umask(mask);
    mode_t read = mode & 0555;
    return (mask & S_IRWXG) == 0 ? read | (read & S_IRWXU) >> 3 : read;
}

static int digest_one(const char *path, const char *name, struct arena *arena, struct published *ret,
                      struct strbuf *lines, struct err *err)
{
    struct digest digest;
    int64_t size = 0;
    struct stat status;
    if (digest_file(path, &digest, &size, err) < 0) {
        return -1;
    }
    if (stat(path, &status) < 0 || chmod(path, published_mode(status.st_mode)) < 0) {
        return err_errno(err, "making '%s' read-only", path);
    }
    struct json file = json_object();
    json_set(arena, &file, "path", json_cstring(arena, name));
    json_set(arena, &file, "sha256", json_cstring(arena, digest.hex));
    json_set(arena, &file, "size", json_int(size));
    json_push(arena, &ret->files, file);
    ret->size_bytes += size;
    ret->digest = digest;
    if (lines != NULL) {
        strbuf_add_text(lines, digest.hex);
    }
    return 0;
}

/* The digest of a folder is that of its lines "path NUL digest LF" (digest/digest.h). */
static int digest_folder(const char *folder, const char *prefix, struct arena *arena, struct published *ret,
                         struct err *err)
{
    struct fs_list list = {0};
    struct strbuf lines;
    strbuf_init(&lines, (size_t)1 << 30);
    int result = fs_walk(folder, PUBLISH_MAX_FILES, arena, &list, err);
    for (size_t i = 0; i < list.count && result == 0; i++) {
        const char *relative = list.entries[i].path;
        strbuf_add(&lines, relative, strlen(relative) + 1);
        result =
            digest_one(path_join(arena, folder, relative), path_join(arena, prefix, relative), arena, ret, &lines, err);
        strbuf_add_byte(&lines, '\n');
    }
    ret->digest = digest_bytes(strbuf_str(&lines));
    strbuf_clear(&lines);
    return result;
}

static int move_over(const char *stage, const char *target, struct err *err)
{
    if (renameat2(AT_FDCWD, stage, AT_FDCWD, target, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno == EEXIST && renameat2(AT_FDCWD, stage, AT_FDCWD, target, RENAME_EXCHANGE) == 0) {
        return fs_remove(stage, err);
    }
    /* A file system without these two: there is a moment without the target. */
    if ((errno == EINVAL || errno == EEXIST) && fs_remove(target, err) == 0 && rename(stage, target) == 0) {
        return 0;
    }
    return err_errno(err, "moving '%s' into place", target);
}

int publish_move(const char *stage, const char *target, const char *prefix, struct arena *arena, struct published *ret,
                 struct err *err)
{
    struct published made = {.local = arena_strdup(arena, target), .files = json_array()};
    int result = fs_is_folder(stage) ? digest_folder(stage, prefix, arena, &made, err)
                                     : digest_one(stage, prefix, arena, &made, NULL, err);
    /* What is recorded as published outlives a power cut, as its record does. */
    result = result < 0 ? -1 : fs_sync(stage, err);
    crash_point_pass("step_before_publish");
    if (result < 0 || move_over(stage, target, err) < 0) {
        (void)fs_remove(stage, NULL);
        return -1;
    }
    crash_point_pass("step_after_publish");
    if (fs_sync_name(target, err) < 0) {
        return -1;
    }
    *ret = made;
    return 0;
}

int publish_copy(const char *from, const char *root, const char *relative, struct arena *arena, struct published *ret,
                 struct err *err)
{
    const char *target = path_join(arena, root, relative);
    const char *stage = publish_stage(target, arena, err);
    if (stage == NULL) {
        return -1;
    }
    if (fs_copy(from, stage, err) < 0) {
        (void)fs_remove(stage, NULL);
        return -1;
    }
    return publish_move(stage, target, relative, arena, ret, err);
}
