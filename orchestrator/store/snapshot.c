/* SPDX-License-Identifier: Apache-2.0 */
#include "store/snapshot.h"

#include "base/parse.h"
#include "store/store_internal.h"

#include <sys/stat.h>

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
