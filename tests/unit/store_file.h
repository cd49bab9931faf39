/* SPDX-License-Identifier: Apache-2.0
 * A store in a file of its own, opened as sluice does and past it.
 */
#ifndef SLUICE_TEST_STORE_FILE_H
#define SLUICE_TEST_STORE_FILE_H

#include "store/stmt.h"
#include "store/store.h"

#include "test.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A folder of its own for each test, with one file in it. */
struct place {
    char folder[64];
    char path[96];
};

static inline struct place make_place(void)
{
    struct place place;
    (void)snprintf(place.folder, sizeof place.folder, "/tmp/sluice-test-XXXXXX");
    assert_non_null(mkdtemp(place.folder));
    (void)snprintf(place.path, sizeof place.path, "%s/store.db", place.folder);
    return place;
}

static inline void remove_place(const struct place *place)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s%s", place->path, suffixes[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(place->folder), 0);
}

static inline struct store *open_store(const struct place *place, enum store_mode mode)
{
    struct store *store = NULL;
    struct err err = {0};
    (void)store_open(place->path, mode, &store, &err);
    assert_string_equal(err.message, "");
    return store;
}

/* Past the store's own functions, as another program would. */
static inline void exec_raw(const struct place *place, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static inline int64_t ask_raw(const struct place *place, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return value;
}

/* Of experiment 0, which tests count their rows by. */
static inline int64_t count_tags(struct store *store)
{
    struct stmt *s = stmt_get(store, "SELECT COUNT(*) FROM experiment_tags");
    assert_int_equal(stmt_step(s, NULL), 1);
    int64_t count = stmt_column_int(s, 0);
    stmt_done(s);
    return count;
}

#endif
