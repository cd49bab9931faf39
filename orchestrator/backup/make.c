/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/make.h"

#include "backup/check.h"
#include "backup/place.h"
#include "backup/target.h"
#include "base/crash_point.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str_index.h"
#include "digest/stamp.h"
#include "store/activity.h"
#include "store/holdings.h"
#include "store/pipeline_runs.h"
#include "store/secrets.h"
#include "store/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FOLDERS_MAX = 200, RUNS_MAX = 1 << 30 };

/* One backup, while it is made. */
struct making {
    const struct backup_options *options;
    struct backup_result *result;
    struct backup_target target;
    struct store *copy; /* of the store: the moment that the backup is of */
    struct backup_list list;
    const char *before;             /* the backup before; NULL: none */
    struct backup_list before_list; /* sorted */
    struct arena *arena;
    struct arena *scratch; /* of the file that is at hand */
};

static const char *source_of(const struct making *m, const char *path)
{
    return path_join(m->scratch, m->options->home, path);
}

static const char *place_of(const struct making *m, const char *path)
{
    return arena_printf(m->scratch, "%s/home/%s", m->target.staging, path);
}

/* ---- one file --------------------------------------------------------------------------------------------------- */

static int by_path(const void *key, const void *item)
{
    return strcmp(key, ((const struct backup_file *)item)->path);
}

/* What the backup before has of this path, if the home's file has not changed since. */
static const struct backup_file *find_unchanged(const struct making *m, const char *path, const char *stamp)
{
    const struct backup_file *file = m->before_list.count == 0
                                         ? NULL
                                         : bsearch(path, m->before_list.items, m->before_list.count,
                                                   sizeof *m->before_list.items, by_path);
    return file != NULL && strcmp(file->stamp, stamp) == 0 ? file : NULL;
}

/* 1 when it is the same file as in the backup before, 0, -1. */
static int link_unchanged(struct making *m, const struct backup_file *file, struct err *err)
{
    struct stat status;
    const char *from = arena_printf(m->scratch, "%s/home/%s", m->before, file->path);
    if (stat(from, &status) < 0 || status.st_size != file->size_bytes) {
        return 0;
    }
    int linked = place_link(from, place_of(m, file->path), err);
    if (linked == 1) {
        backup_list_add(&m->list, file, m->arena);
    }
    return linked;
}

/* Copies a file that may go meanwhile; with `most` as place_copy. */
static int copy_from(struct making *m, const char *from, const char *path, mode_t mode, int64_t most,
                     const char *stamp, struct err *err)
{
    struct placed placed;
    int copied = place_copy(from, place_of(m, path), mode, most, &placed, err);
    if (copied <= 0) {
        return copied;
    }
    struct backup_file file = {
        .path = path, .sha256 = placed.digest.hex, .size_bytes = placed.size_bytes, .mode = mode, .stamp = stamp};
    backup_list_add(&m->list, &file, m->arena);
    m->result->copied_files++;
    m->result->copied_bytes += placed.size_bytes;
    return 0;
}

static int copy_one(struct making *m, const char *path, mode_t mode, int64_t most, const char *stamp, struct err *err)
{
    return copy_from(m, source_of(m, path), path, mode, most, stamp, err);
}

/* What people put into the home themselves: where it is a link, the home reads what that leads to. */
static int copy_setting(struct making *m, const char *path, struct err *err)
{
    const char *link = source_of(m, path);
    char *real = realpath(link, NULL);
    if (real == NULL) {
        return errno == ENOENT ? 0 : err_errno(err, "reading '%s'", link);
    }
    int result = copy_from(m, real, path, 0600, -1, "-", err);
    free(real);
    return result;
}

static int take_artifact(struct making *m, const char *path, const struct stat *status, struct err *err)
{
    char stamp[STAMP_BYTES];
    stamp_write(status, stamp);
    const struct backup_file *same = find_unchanged(m, path, stamp);
    int linked = same == NULL ? 0 : link_unchanged(m, same, err);
    return linked != 0 ? (linked < 0 ? -1 : 0) : copy_one(m, path, status->st_mode & 07777, -1, stamp, err);
}

/* ---- the store -------------------------------------------------------------------------------------------------- */

static int copy_store(struct making *m, struct err *err)
{
    struct digest digest;
    int64_t size = 0;
    const char *path = place_of(m, "sluice.db");
    if (fs_make_folders(path_dir(m->scratch, path), 0700, err) < 0 ||
        store_copy_to(m->options->store, path, m->options->log_bytes_max, err) < 0) {
        return -1;
    }
    if (chmod(path, 0600) < 0) {
        return err_errno(err, "'%s'", path);
    }
    crash_point_pass("backup_store_copied");
    if (store_open(path, STORE_READ_ONLY, &m->copy, err) < 0 || store_check(m->copy, err) < 0 ||
        digest_file(path, &digest, &size, err) < 0) {
        return err_add(err, "the copy of the store");
    }
    struct backup_file file = {
        .path = "sluice.db", .sha256 = digest.hex, .size_bytes = size, .mode = 0600, .stamp = "-"};
    backup_list_add(&m->list, &file, m->arena);
    m->result->copied_files++;
    m->result->copied_bytes += size;
    return 0;
}

/* What the copy says of its home. */
static int read_copy(struct making *m, struct err *err)
{
    struct backup_manifest *manifest = &m->result->manifest;
    char head[96] = "";
    int64_t rows = 0;
    if (m->options->key != NULL) {
        store_activity_set_key(m->copy, m->options->key);
        if (store_activity_verify(m->copy, NULL, &rows, head, err) < 0) {
            return -1;
        }
    }
    *manifest = (struct backup_manifest){
        .made_ms = m->options->now_ms,
        .sluice = m->options->sluice,
        .schema = store_schema_version(),
        .home = m->options->home,
        .activity_head = arena_strdup(m->arena, head),
        .has_key = m->options->with_key,
    };
    return store_home_id(m->copy, m->arena, &manifest->home_id, err);
}

/* ---- journals --------------------------------------------------------------------------------------------------- */

static int take_journal(struct making *m, const struct holding_run *run, int64_t most, struct err *err)
{
    const char *path = arena_printf(m->arena, "runs/%s/journal", run->run_id);
    return most == 0 ? 0 : copy_one(m, path, 0600, most, "-", err);
}

/* Of open runs as far as their frames are rows of the copy: what follows belongs to a later moment. */
static int take_journals(struct making *m, struct err *err)
{
    struct pipeline_run_filter open = {.open = true, .limit = RUNS_MAX};
    struct pipeline_run *rows = NULL;
    struct holding_run *runs = NULL;
    size_t row_count = 0;
    size_t run_count = 0;
    if (store_pipeline_run_list(m->copy, &open, m->arena, &rows, &row_count, err) < 0 ||
        store_holding_runs(m->copy, m->arena, &runs, &run_count, err) < 0) {
        return -1;
    }
    struct str_index *index = str_index_new(m->arena, row_count);
    for (size_t i = 0; i < row_count; i++) {
        (void)str_index_add(index, str_from(rows[i].run_id));
    }
    m->result->manifest.open_runs = (int64_t)row_count;
    for (size_t i = 0; i < run_count; i++) {
        ptrdiff_t at = str_index_find(index, str_from(runs[i].run_id));
        if (take_journal(m, &runs[i], at < 0 ? -1 : rows[at].journal_offset, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- artifacts -------------------------------------------------------------------------------------------------- */

static int take_folder(struct making *m, const char *folder, int depth, struct err *err);

static int take_entry(struct making *m, const char *path, int depth, struct err *err)
{
    struct stat status;
    arena_reset(m->scratch);
    const char *source = source_of(m, path);
    if (lstat(source, &status) < 0) {
        return errno == ENOENT ? 0 : err_errno(err, "reading '%s'", source);
    }
    if (S_ISDIR(status.st_mode)) {
        return take_folder(m, path, depth + 1, err);
    }
    if (S_ISREG(status.st_mode)) {
        return take_artifact(m, path, &status, err);
    }
    m->result->skipped_first = m->result->skipped++ == 0 ? arena_strdup(m->arena, path) : m->result->skipped_first;
    return 0;
}

static int take_folder(struct making *m, const char *folder, int depth, struct err *err)
{
    const char *source = source_of(m, folder);
    DIR *entries = depth > FOLDERS_MAX ? NULL : opendir(source);
    if (entries == NULL) {
        return depth > FOLDERS_MAX ? err_set(err, ERR_LIMIT, "'%s' is more than %d folders deep", source, FOLDERS_MAX)
               : errno == ENOENT   ? 0
                                   : err_errno(err, "reading the folder '%s'", source);
    }
    int result = 0;
    struct dirent *entry = NULL;
    while (result == 0 && (errno = 0, entry = readdir(entries)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            result = take_entry(m, path_join(m->arena, folder, entry->d_name), depth, err);
        }
    }
    if (result == 0 && errno != 0) {
        result = err_errno(err, "reading the folder '%s/%s'", m->options->home, folder);
    }
    (void)closedir(entries);
    return result;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

/* Whoever loses the home would lose a backup in it, too. */
static int check_apart(const struct making *m, struct err *err)
{
    char *home = realpath(m->options->home, NULL);
    struct str folder = str_from(home == NULL ? m->options->home : home);
    bool inside = str_starts(str_from(m->target.path), folder) &&
                  (m->target.path[folder.n] == '/' || m->target.path[folder.n] == '\0');
    free(home);
    return inside ? err_set(err, ERR_INPUT, "'%s' lies in the home '%s': who loses that loses both", m->target.path,
                            m->options->home)
                  : 0;
}

/* One that cannot be read is no reason not to make another. */
static void read_before(struct making *m)
{
    size_t count = 0;
    struct backup_manifest manifest;
    struct err err = {0};
    const char *const *names = backup_target_list(m->target.path, m->arena, &count);
    if (count == 0) {
        return;
    }
    m->before = path_join(m->arena, m->target.path, names[count - 1]);
    if (backup_manifest_read(m->before, m->arena, &manifest, &m->before_list, &err) < 0) {
        log_warn("backup", "everything is copied: %s", err.message);
        m->before_list = (struct backup_list){0};
    }
}

static int check_rows(struct making *m, struct err *err)
{
    struct backup_faults faults;
    if (backup_check_rows(m->copy, m->options->home, &m->list, m->arena, &faults, err) < 0) {
        return -1;
    }
    m->result->wrong = faults.count;
    m->result->wrong_first = faults.first;
    return 0;
}

static int make(struct making *m, struct err *err)
{
    const char *name = NULL;
    const struct backup_options *options = m->options;
    if (check_apart(m, err) < 0 || copy_store(m, err) < 0 || read_copy(m, err) < 0) {
        return -1;
    }
    read_before(m);
    if (copy_setting(m, "config.yaml", err) < 0 || take_journals(m, err) < 0) {
        return -1;
    }
    crash_point_pass("backup_before_artifacts");
    if (take_folder(m, "artifacts", 0, err) < 0 ||
        (options->with_key && copy_setting(m, "key", err) < 0)) {
        return -1;
    }
    if (backup_manifest_write(m->target.staging, &m->list, &m->result->manifest, m->arena, err) < 0 ||
        check_rows(m, err) < 0) {
        return -1;
    }
    store_close(m->copy);
    m->copy = NULL;
    if (backup_target_finish(&m->target, options->now_ms, m->arena, &name, err) < 0) {
        return -1;
    }
    m->result->path = path_join(m->arena, m->target.path, name);
    return options->keep == 0
               ? 0
               : backup_target_prune(&m->target, options->keep, m->arena, &m->result->removed, err);
}

int backup_make(const struct backup_options *options, struct backup_result *ret, struct err *err)
{
    struct making m = {.options = options, .result = ret, .arena = options->arena};
    *ret = (struct backup_result){0};
    if (backup_target_open(options->target, m.arena, &m.target, err) < 0) {
        return -1;
    }
    m.scratch = arena_new();
    int result = make(&m, err);
    arena_free(m.scratch);
    store_close(m.copy);
    backup_target_close(&m.target);
    return result;
}
