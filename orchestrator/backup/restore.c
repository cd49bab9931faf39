/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/restore.h"

#include "backup/check.h"
#include "backup/place.h"
#include "base/crash_point.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "store/activity.h"
#include "store/relocate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the place -------------------------------------------------------------------------------------------------- */

static bool is_empty_folder(const char *path)
{
    DIR *entries = opendir(path);
    int found = 0;
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        found += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
    return entries != NULL && found == 0;
}

/* Whether a rename can give the home its name is known before anything is copied. */
static int check_free(const char *home, struct arena *arena, struct err *err)
{
    struct stat status;
    struct stat above;
    if (lstat(home, &status) < 0) {
        return errno == ENOENT || errno == ENOTDIR ? 0 : err_errno(err, "reading '%s'", home);
    }
    if (S_ISLNK(status.st_mode)) {
        return err_set(err, ERR_EXISTS, "'%s' is a link: expected the folder that it leads to", home);
    }
    if (!is_empty_folder(home)) {
        return err_set(err, ERR_EXISTS,
                       "'%s' holds something already: a backup is restored to a home that is not there yet", home);
    }
    return stat(path_dir(arena, home), &above) == 0 && above.st_dev != status.st_dev
               ? err_set(err, ERR_EXISTS,
                         "'%s' is where a file system is mounted, and stays: expected a folder in it", home)
               : 0;
}

/* What is in it will be removed, and the home will be that folder: where others may write, they may have put a link
 * there, or a folder of theirs. */
static int check_own(int fd, const char *staging, struct err *err)
{
    struct stat status;
    if (fstat(fd, &status) < 0) {
        return err_errno(err, "reading '%s'", staging);
    }
    if (status.st_uid != geteuid()) {
        return err_set(err, ERR_EXISTS, "'%s' is another user's: nothing is restored there", staging);
    }
    return fchmod(fd, 0700) < 0 ? err_errno(err, "'%s'", staging) : 0;
}

/* Beside the home, so that it can be given its name by a rename; whoever has the lock is the only one there. */
static int take_staging(struct restore *r, struct arena *arena, struct err *err)
{
    const char *staging = arena_printf(arena, "%s/.%s.restoring", path_dir(arena, r->home), path_base(r->home));
    if (fs_make_folders(staging, 0700, err) < 0) {
        return -1;
    }
    r->lock_fd = open(staging, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (r->lock_fd < 0) {
        return errno == ELOOP || errno == ENOTDIR
                   ? err_set(err, ERR_EXISTS, "'%s' is a link: nothing is restored through it", staging)
                   : err_errno(err, "opening '%s'", staging);
    }
    if (check_own(r->lock_fd, staging, err) < 0) {
        return -1;
    }
    if (flock(r->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        return errno == EWOULDBLOCK ? err_set(err, ERR_BUSY, "another sluice restores '%s'", r->home)
                                    : err_errno(err, "locking '%s'", staging);
    }
    r->staging = staging;
    return 0;
}

/* What a killed restore left there. The folder itself stays: it is the lock. */
static int clear_staging(const struct restore *r, struct arena *arena, struct err *err)
{
    DIR *entries = opendir(r->staging);
    int result = entries == NULL ? err_errno(err, "reading '%s'", r->staging) : 0;
    for (struct dirent *entry; entries != NULL && result == 0 && (entry = readdir(entries)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            result = fs_remove(path_join(arena, r->staging, entry->d_name), err);
        }
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
    return result;
}

/* ---- unpacking -------------------------------------------------------------------------------------------------- */

static int unpack_file(const struct restore *r, const struct backup_file *file, struct arena *scratch,
                       struct backup_faults *faults, struct arena *arena, struct err *err)
{
    struct placed placed;
    const char *from = arena_printf(scratch, "%s/home/%s", r->backup, file->path);
    int copied = place_copy(from, path_join(scratch, r->staging, file->path), file->mode, -1, &placed, err);
    if (copied < 0) {
        return -1;
    }
    if (copied == 1 && placed.size_bytes == file->size_bytes && digest_equal(placed.digest.hex, file->sha256)) {
        return 0;
    }
    if (faults->count++ == 0) {
        faults->first = copied == 0 ? arena_printf(arena, "'%s' is gone", from)
                                    : arena_printf(arena, "'%s' is not what was copied: %lld bytes, sha256 %s, "
                                                          "expected %lld, %s",
                                                   from, (long long)placed.size_bytes, placed.digest.hex,
                                                   (long long)file->size_bytes, file->sha256);
    }
    return 0;
}

/* All of it is read, so that one look says how much is wrong. */
static int unpack_files(const struct restore *r, struct arena *arena, struct err *err)
{
    struct arena *scratch = arena_new();
    struct backup_faults faults = {0};
    int result = 0;
    for (size_t i = 0; i < r->list.count && result == 0; i++) {
        result = unpack_file(r, &r->list.items[i], scratch, &faults, arena, err);
        arena_reset(scratch);
        if (i == r->list.count / 2) {
            crash_point_pass("restore_half_copied");
        }
    }
    arena_free(scratch);
    return result < 0        ? -1
           : faults.count > 0 ? err_set(err, ERR_CORRUPT, "the backup is damaged, %zu of its %zu files: %s",
                                        faults.count, r->list.count, faults.first)
                              : 0;
}

static int check_schema(const struct restore *r, struct err *err)
{
    return r->manifest.schema <= store_schema_version()
               ? 0
               : err_set(err, ERR_NEWER,
                         "the backup is of a newer sluice (schema %lld; this one knows up to %d): use that version",
                         (long long)r->manifest.schema, store_schema_version());
}

int restore_unpack(const char *backup, const char *home, struct arena *arena, struct restore *ret, struct err *err)
{
    *ret = (struct restore){.backup = backup, .home = home, .lock_fd = -1};
    if (check_free(home, arena, err) < 0 || backup_manifest_read(backup, arena, &ret->manifest, &ret->list, err) < 0 ||
        check_schema(ret, err) < 0 || take_staging(ret, arena, err) < 0 || clear_staging(ret, arena, err) < 0 ||
        unpack_files(ret, arena, err) < 0) {
        return -1;
    }
    crash_point_pass("restore_copied");
    return fs_write(path_join(arena, ret->staging, ".gitignore"), STR("*\n"), 0644, false, err);
}

/* ---- settling --------------------------------------------------------------------------------------------------- */

static int begin_segment(const struct restore *r, struct store *store, const char *actor, int64_t now_ms,
                         struct arena *arena, struct err *err)
{
    char fold[65];
    char made[40];
    format_time(made, sizeof made, r->manifest.made_ms);
    if (store_activity_fold(store, fold, err) < 0) {
        return -1;
    }
    struct activity activity = {
        .at_ms = now_ms,
        .actor = actor,
        .action = ACTIVITY_RESTORED,
        .object = arena_printf(arena, "backup %s", path_base(r->backup)),
        .object_id = r->manifest.digest.hex,
        .from_state = r->manifest.activity_head,
        .reason = arena_printf(arena, "made %s of '%s'%s", made, r->manifest.home,
                               r->manifest.open_runs == 0
                                   ? ""
                                   : arena_printf(arena, ", %lld runs were open", (long long)r->manifest.open_runs)),
        .evidence_sha256 = fold,
    };
    return store_activity_append(store, &activity, err);
}

int restore_settle(const struct restore *restore, struct store *store, const char *actor, int64_t now_ms,
                   struct arena *arena, struct err *err)
{
    if (store_begin(store, err) < 0) {
        return -1;
    }
    if ((strcmp(restore->manifest.home, restore->home) != 0 &&
         store_relocate(store, restore->manifest.home, restore->home, err) < 0) ||
        store_detach_attempts(store, err) < 0 || begin_segment(restore, store, actor, now_ms, arena, err) < 0) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, err);
}

/* ---- the name --------------------------------------------------------------------------------------------------- */

int restore_finish(struct restore *restore, struct err *err)
{
    crash_point_pass("restore_before_sync");
    if (fs_sync(restore->staging, err) < 0) {
        return -1;
    }
    crash_point_pass("restore_before_rename");
    if (rename(restore->staging, restore->home) < 0) {
        return errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR
                   ? err_set(err, ERR_EXISTS, "'%s' holds something by now", restore->home)
                   : err_errno(err, "naming the home '%s'", restore->home);
    }
    restore->staging = NULL;
    crash_point_pass("restore_after_rename");
    return fs_sync_name(restore->home, err);
}

void restore_end(struct restore *restore)
{
    if (restore->staging != NULL) {
        (void)fs_remove(restore->staging, NULL);
        restore->staging = NULL;
    }
    if (restore->lock_fd >= 0) {
        (void)close(restore->lock_fd);
        restore->lock_fd = -1;
    }
}
