/* SPDX-License-Identifier: Apache-2.0
 * The image is laid out in memory, gets its first rows there, and is copied into the file by SQLite's backup, page by
 * page: through the write-ahead log as any other transaction, so that it is there whole or not at all.
 */
#include "store/new_store.h"

#include "store/schema.h"
#include "store/store_internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static void lay_out(unsigned char *image)
{
    const unsigned char *bytes = store_image_bytes;
    for (size_t i = 0; i < store_image_part_count; i++) {
        const struct store_image_part *part = &store_image_parts[i];
        memcpy(image + part->at, bytes, part->count);
        bytes += part->count;
    }
}

static int fill(sqlite3 *memory)
{
    char version[64];
    (void)snprintf(version, sizeof version, "PRAGMA user_version = %d", store_image_version);
    int code = sqlite3_exec(memory, store_image_rows, NULL, NULL, NULL);
    return code == SQLITE_OK ? sqlite3_exec(memory, version, NULL, NULL, NULL) : code;
}

static int copy(struct store *store, sqlite3 *memory, struct err *err)
{
    sqlite3_backup *backup = sqlite3_backup_init(store->db, "main", memory, "main");
    if (backup == NULL) {
        return store_fail(store, sqlite3_errcode(store->db), "making the store", err);
    }
    int code = sqlite3_backup_step(backup, -1);
    int ended = sqlite3_backup_finish(backup);
    code = code == SQLITE_DONE ? ended : code;
    return code == SQLITE_OK ? 0 : store_fail(store, code, "making the store", err);
}

static int make(struct store *store, sqlite3 *memory, unsigned char *image, struct err *err)
{
    sqlite3_int64 size = (sqlite3_int64)store_image_size;
    lay_out(image);
    int code = sqlite3_deserialize(memory, "main", image, size, size, 0);
    if (code == SQLITE_OK) {
        code = fill(memory);
    }
    return code == SQLITE_OK ? copy(store, memory, err)
                             : err_set(err, ERR_IO, "making the store in memory: %s", sqlite3_errmsg(memory));
}

/* What is copied takes the place of all there is. */
static int check_empty(struct store *store, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT name FROM sqlite_schema LIMIT 1");
    int row = stmt_step(s, err);
    if (row == 1) {
        (void)err_set(err, ERR_STATE, "it is no store of sluice, but a database with a table '%.100s'",
                      (const char *)sqlite3_column_text(s->handle, 0));
    }
    stmt_done(s);
    return row == 0 ? 0 : -1;
}

int store_make_new(struct store *store, struct err *err)
{
    sqlite3 *memory = NULL;
    if (check_empty(store, err) < 0) {
        return -1;
    }
    /* Pages of its own, which go back to the system; of the heap they would be a hole. */
    unsigned char *image =
        mmap(NULL, store_image_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (image == MAP_FAILED) {
        return err_errno(err, "making the store in memory");
    }
    int code = sqlite3_open_v2(":memory:", &memory, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    int result = code == SQLITE_OK ? make(store, memory, image, err)
                                   : err_set(err, ERR_IO, "making the store in memory: %s", sqlite3_errstr(code));
    (void)sqlite3_close(memory);
    (void)munmap(image, store_image_size);
    return result;
}
