/* SPDX-License-Identifier: Apache-2.0 */
#include "store/first_sync.h"

#include "base/fs.h"
#include "store/store_internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE_BYTES_MAX = 65536 };

bool store_is_unsynced(const struct store *store)
{
    return store->first.is_due;
}

void store_sync_beside(struct store *store, int take_fd)
{
    if (store->first.beside_fd > 0) {
        (void)close(store->first.beside_fd);
    }
    store->first.beside_fd = take_fd;
}

static int sync_first_page(struct store *store, struct err *err)
{
    sqlite3_file *file = NULL;
    int code = sqlite3_file_control(store->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (code == SQLITE_OK && file->pMethods != NULL) { /* else it is in memory */
        code = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
    }
    return code == SQLITE_OK ? 0 : store_fail(store, code, "syncing the store", err);
}

int store_sync_first(struct store *store, struct err *err)
{
    struct store_first_sync *first = &store->first;
    if (!first->is_due) {
        return 0;
    }
    if (first->beside_fd > 0 && fsync(first->beside_fd) < 0) {
        return err_errno(err, "syncing what lies beside the store");
    }
    if (sync_first_page(store, err) < 0 ||
        (first->is_older && fs_sync_name(sqlite3_db_filename(store->db, "main"), err) < 0)) {
        return -1;
    }
    store_sync_beside(store, 0);
    first->is_due = false;
    return 0;
}

int store_first_sync(struct store *store, struct err *err)
{
    const struct store_first_sync *first = &store->first;
    bool is_worth_it = !first->is_put_off && sqlite3_total_changes(store->db) != first->changes;
    return first->is_due && is_worth_it ? store_sync_first(store, err) : 0;
}

/* Only of a page that was never synced: then nothing was promised. SQLite forgets the log of an empty file. */
int store_mend_unsynced(const char *path, struct err *err)
{
    char page[PAGE_BYTES_MAX + 1] = "";
    struct stat status;
    if (stat(path, &status) < 0 || status.st_size > PAGE_BYTES_MAX) {
        return 0;
    }
    int fd = open(path, O_RDWR | O_CLOEXEC);
    ssize_t size = fd < 0 ? 0 : pread(fd, page, sizeof page, 0);
    bool is_blank =
        size > 0 && size <= PAGE_BYTES_MAX && page[0] == '\0' && memcmp(page, page + 1, (size_t)size - 1) == 0;
    int result = is_blank && ftruncate(fd, 0) < 0 ? err_errno(err, "emptying '%s'", path) : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return result;
}

void store_first_sync_begin(struct store *store, bool is_new)
{
    sqlite3_file *file = NULL;
    sqlite3_int64 size = 0;
    bool is_one_page = sqlite3_file_control(store->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK &&
                       file->pMethods != NULL && file->pMethods->xFileSize(file, &size) == SQLITE_OK &&
                       size <= PAGE_BYTES_MAX;
    store->first.is_due = is_one_page;
    store->first.is_older = !is_new;
    store->first.changes = sqlite3_total_changes(store->db);
}

int store_sync_later(struct store *store, bool later, struct err *err)
{
    struct store_first_sync *first = &store->first;
    if (!first->is_due) {
        return 0;
    }
    int code = sqlite3_exec(store->db, later ? "PRAGMA synchronous = OFF" : "PRAGMA synchronous = FULL", NULL, NULL,
                            NULL);
    if (code != SQLITE_OK) {
        return store_fail(store, code, "preparing the store", err);
    }
    first->is_put_off = later;
    first->changes = later ? first->changes : sqlite3_total_changes(store->db);
    return 0;
}
