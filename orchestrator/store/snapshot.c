/* SPDX-License-Identifier: Apache-2.0 */
#include "store/snapshot.h"

#include "base/fs.h"
#include "base/parse.h"
#include "store/store_internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_EVERY_OPS = 2000 };

struct log_watch {
    const char *path; /* of the write-ahead log */
    int64_t before;   /* its bytes when the copy began */
    int64_t most;     /* more than then */
    bool passed;
};

static int64_t bytes_of(const char *path)
{
    struct stat status;
    return stat(path, &status) < 0 ? 0 : (int64_t)status.st_size;
}

static int look_at_log(void *ctx)
{
    struct log_watch *watch = ctx;
    watch->passed = bytes_of(watch->path) - watch->before > watch->most;
    return watch->passed;
}

static int copy_to(struct store *store, const char *path)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->db, "VACUUM INTO :path", -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_bind_text(statement, 1, path, -1, SQLITE_STATIC);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

int store_copy_to(struct store *store, const char *path, int64_t log_bytes_max, struct err *err)
{
    struct log_watch watch = {.path = sqlite3_filename_wal(sqlite3_db_filename(store->db, "main")),
                              .most = log_bytes_max};
    watch.before = bytes_of(watch.path);
    sqlite3_progress_handler(store->db, LOOK_EVERY_OPS, look_at_log, &watch);
    int code = copy_to(store, path);
    sqlite3_progress_handler(store->db, 0, NULL, NULL);
    if (watch.passed && code != SQLITE_OK) {
        char most[40];
        format_size(most, sizeof most, log_bytes_max);
        return err_set(err, ERR_LIMIT,
                       "the write-ahead log '%s' grew by more than %s while the store was copied: nothing of it can "
                       "be reused before the copy is done",
                       watch.path, most);
    }
    return code == SQLITE_OK ? 0 : store_fail(store, code, "copying the store", err);
}

void store_shorten_log(struct store *store)
{
    store->shortens = true;
    store_copy_log(store);
}

/* ---- before a migration ------------------------------------------------------------------------------------------ */

enum { VERSION_OFFSET = 60 }; /* of user_version, in the file's head (sqlite.org/fileformat.html) */

/* The schema version that the file's head says: what is still in the write-ahead log can only be a later one. -1: there
 * is no such file. */
static int64_t version_of_file(const char *path)
{
    unsigned char bytes[4];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool read = fd >= 0 && pread(fd, bytes, sizeof bytes, VERSION_OFFSET) == (ssize_t)sizeof bytes;
    if (fd >= 0) {
        (void)close(fd);
    }
    return !read ? -1 : (int64_t)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

static int64_t version_of_store(struct store *store, struct err *err)
{
    struct stmt *s = stmt_get(store, "PRAGMA user_version");
    int64_t version = stmt_step(s, err) == 1 ? stmt_column_int(s, 0) : -1;
    stmt_done(s);
    return version;
}

static int keep(struct store *store, const char *path, int64_t version, struct arena *arena, const char **ret_copy,
                struct err *err)
{
    const char *copy = arena_printf(arena, "%s.schema-%lld", path, (long long)version);
    const char *beside = arena_printf(arena, "%s.new", copy);
    (void)unlink(beside);
    if (store_copy_to(store, beside, INT64_MAX, err) < 0 || fs_sync(beside, err) < 0) {
        (void)unlink(beside);
        return -1;
    }
    if (chmod(beside, 0600) < 0 || rename(beside, copy) < 0) {
        return err_errno(err, "naming '%s'", copy);
    }
    *ret_copy = copy;
    return fs_sync_name(copy, err) < 0 ? -1 : 1;
}

int store_keep_older(const char *path, struct arena *arena, const char **ret_copy, struct err *err)
{
    int64_t version = version_of_file(path);
    struct store *store = NULL;
    if (version < 0 || version >= store_schema_version()) {
        return 0;
    }
    struct err empty = {0};
    if (store_open(path, STORE_READ_OLDER, &store, &empty) < 0) {
        return empty.code == ERR_NOT_FOUND ? 0 : err_set(err, empty.code, "%s", empty.message);
    }
    version = version_of_store(store, err);
    int result = version < 0                         ? -1
                 : version < store_schema_version() ? keep(store, path, version, arena, ret_copy, err)
                                                     : 0;
    store_close(store);
    return result < 0 ? err_add(err, "keeping the store as it was before it is upgraded") : result;
}
