/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include "base/crash_point.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/untimed.h"
#include "store/first_sync.h"
#include "store/metrics_internal.h"
#include "store/new_store.h"
#include "store/run_marks.h"
#include "store/schema.h"
#include "store/stmt.h"
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A checkpoint after 250 pages: p99 of a turn 3.4 ms against 6.9 ms with SQLite's 1,000. But a turn that writes many is
 * followed by others that write most of them again (blocks of points): then after some such turns. */
enum { TIDY_PAGES = 250, TIDY_PAGES_MOST = 3000, TIDY_TURNS = 4, UNTIDY_PAGES_MAX = 1000 };
enum { BUSY_TIMEOUT_MS = 2000 };
enum { CACHE_KIB = 2000, CACHE_READING_KIB = 12000, CACHE_WIDE_KIB = 16 << 10 }; /* the first is SQLite's own */

const char store_writer_pragmas[] = "PRAGMA page_size = 4096;" /* of a file that is empty: as the image's */
                                    "PRAGMA journal_mode = WAL;"
                                    "PRAGMA foreign_keys = ON;"
                                    "PRAGMA temp_store = MEMORY;";

/* For the files beside the database SQLite calls a full disk an "I/O error". After a failed fsync it is one: nobody
 * knows what is on the disk. */
static bool is_full(struct store *store, int code)
{
    int number = store->db == NULL ? 0 : sqlite3_system_errno(store->db);
    return code != SQLITE_IOERR_FSYNC && (number == ENOSPC || number == EDQUOT);
}

/* SQLite's own words name no cause; the system's do. Not ENOENT: that is what SQLite's second look finds, after it was
 * not allowed to make a file. */
static int fail_of_system(struct store *store, const char *doing, const char *text, struct err *err)
{
    int number = store->db == NULL ? 0 : sqlite3_system_errno(store->db);
    return number == 0 || number == ENOENT ? err_set(err, ERR_IO, "%s: %s", doing, text)
                                           : err_set(err, ERR_IO, "%s: %s: %s", doing, text, strerror(number));
}

static int fail_with(struct store *store, int code, const char *doing, struct err *err)
{
    bool is_last = store->db != NULL && (sqlite3_errcode(store->db) & 0xff) == (code & 0xff);
    const char *text = is_last ? sqlite3_errmsg(store->db) : sqlite3_errstr(code);
    switch (code & 0xff) {
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return is_full(store, code) ? err_set(err, ERR_LIMIT, "%s: the disk is full", doing)
                                    : fail_of_system(store, doing, text, err);
    case SQLITE_FULL:
        return err_set(err, ERR_LIMIT, "%s: the disk is full", doing);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ERR_BUSY, "%s: the store is in use: %s", doing, text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_set(err, ERR_CORRUPT, "%s: the store is damaged: %s", doing, text);
    case SQLITE_CONSTRAINT:
        return err_set(err, ERR_STATE, "%s: %s", doing, text);
    default:
        return err_set(err, ERR_IO, "%s: %s", doing, text);
    }
}

/* What SQLite answers. */
static int read_version(struct store *store, int *ret_version)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW) {
        *ret_version = sqlite3_column_int(statement, 0);
        code = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return code;
}

static int refuse_newer(int version, struct err *err)
{
    return err_set(err, ERR_NEWER,
                   "the store was written by a newer sluice (schema %d; this one knows up to %d): use that version, or "
                   "another home",
                   version, store_schema_count);
}

int store_fail(struct store *store, int code, const char *doing, struct err *err)
{
    struct err wrong = {0};
    int version = 0;
    (void)fail_with(store, code, doing, &wrong);
    /* While a reader had it open, a newer sluice may have come: then a column that is not there is no wonder. */
    if (!store->writable && code == SQLITE_ERROR && read_version(store, &version) == SQLITE_OK &&
        version > store_schema_count) {
        return refuse_newer(version, err);
    }
    if (store->in_transaction && store->broken.code == ERR_NONE && store_has_failed(&wrong)) {
        store->broken = wrong;
    }
    return err_set(err, wrong.code, "%s", wrong.message);
}

int store_check_usable(struct store *store, struct err *err)
{
    const struct err *broken = &store->broken;
    if (broken->code != ERR_NONE) {
        return err_set(err, broken->code, "%s", broken->message);
    }
    if (store->in_transaction || store->is_reading || sqlite3_get_autocommit(store->db) != 0) {
        return 0;
    }
    /* The rollback failed as what came before it: what is read now would be what was never committed. */
    int code = sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : store_fail(store, code, "taking a transaction back", err);
}

static int store_exec(struct store *store, const char *sql, const char *doing, struct err *err)
{
    if (store_check_usable(store, err) < 0) {
        return -1;
    }
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : store_fail(store, code, doing, err);
}

/* The same for one of the texts of every turn: prepared once. */
static int store_exec_kept(struct store *store, const char *sql, const char *doing, struct err *err)
{
    if (store_check_usable(store, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, sql);
    int code = s->failed != 0 ? s->failed : sqlite3_step(s->handle);
    int result = code == SQLITE_DONE ? 0 : store_fail(store, code, doing, err);
    stmt_done(s);
    return result;
}

int store_schema_version(void)
{
    return store_schema_count;
}

const char *store_sqlite_version(void)
{
    return sqlite3_libversion();
}

/* What SQL cannot do, after the SQL of the same number: rows of before become what the code reads, then their tables
 * go. It writes through the functions of today, so whoever changes those tables in a later migration looks here first.
 */
static const struct {
    int version;
    int (*convert)(struct store *store, struct err *err);
    const char *after;
} conversions[] = {
    {13, metrics_convert, "DROP TABLE metric_points_before; DROP TABLE metric_series_before"},
    {21, run_marks_convert, ""},
};

static int store_convert(struct store *store, int version, struct err *err)
{
    for (size_t i = 0; i < sizeof conversions / sizeof conversions[0]; i++) {
        if (conversions[i].version == version &&
            (conversions[i].convert(store, err) < 0 ||
             store_exec(store, conversions[i].after, "dropping what was converted", err) < 0)) {
            return -1;
        }
    }
    return 0;
}

static int set_version(struct store *store, int version, struct err *err)
{
    char sql[64];
    (void)snprintf(sql, sizeof sql, "PRAGMA user_version = %d", version);
    return store_exec(store, sql, "recording a migration", err);
}

static int store_migrate_step(struct store *store, int from, struct err *err)
{
    if (store_exec(store, store_schema[from], "applying a migration", err) < 0 ||
        store_convert(store, from + 1, err) < 0 || set_version(store, from + 1, err) < 0) {
        return err_add(err, "migration %d", from + 1);
    }
    return 0;
}

/* All that are missing, in one transaction: who reads meanwhile sees the old schema or the new one, and a failed
 * migration leaves no trace. */
static int store_migrate_from(struct store *store, int version, struct err *err)
{
    if (version == store_schema_count) {
        return 0;
    }
    if (store_exec(store, "BEGIN IMMEDIATE", "beginning the migrations", err) < 0) {
        return -1;
    }
    store->in_transaction = true;
    int result = 0;
    for (int from = version; result == 0 && from < store_schema_count; from++) {
        result = store_migrate_step(store, from, err);
    }
    crash_point_pass("before_migration_commit");
    if (result == 0) {
        result = store_exec(store, "COMMIT", "committing the migrations", err);
    }
    crash_point_pass("after_migration_commit");
    store_rollback(store); /* nothing is left to take back when it was committed */
    return result;
}

/* The file of a new one becomes a store before anything else is done with it. */
static int make_if_new(struct store *store, int *version, struct err *err)
{
    if (*version > 0) {
        return 0;
    }
    crash_point_pass("before_migration_commit");
    *version = store_image_version;
    int result = store_make_new(store, err);
    crash_point_pass("after_migration_commit");
    return result;
}

/* What a new store begins with is not worth a sync for each part of it (store/first_sync.h). */
static int prepare_writing(struct store *store, int version, struct err *err)
{
    static const char careful[] = "PRAGMA synchronous = FULL";
    bool is_new = version == 0;
    if (store_exec(store, is_new ? "PRAGMA synchronous = OFF" : careful, "preparing the store", err) < 0 ||
        store_exec(store, store_writer_pragmas, "preparing the store", err) < 0 ||
        make_if_new(store, &version, err) < 0 ||
        store_migrate_from(store, version, err) < 0 || store_exec(store, careful, "preparing the store", err) < 0) {
        return -1;
    }
    if (is_new) {
        (void)sqlite3_db_release_memory(store->db); /* a page of each table and index, most of which stay empty */
    }
    store_first_sync_begin(store, is_new);
    return 0;
}

static int check_version(struct store *store, enum store_mode mode, int *ret_version, struct err *err)
{
    int code = read_version(store, ret_version);
    if (code != SQLITE_OK) {
        return store_fail(store, code, "reading the schema version", err);
    }
    int version = *ret_version;
    if (version > store_schema_count) {
        return refuse_newer(version, err);
    }
    if (!store->writable && version == 0) {
        return err_set(err, ERR_NOT_FOUND, "the store is empty: 'sluice run' starts a first run");
    }
    return store->writable || mode == STORE_READ_OLDER || version == store_schema_count
               ? 0
               : err_set(err, ERR_STATE, "the store has schema %d and needs %d: any command that writes upgrades it",
                         version, store_schema_count);
}

int store_check_version(struct store *store, struct err *err)
{
    int version = 0;
    return check_version(store, STORE_READ_ONLY, &version, err);
}

static int checkpoint(struct store *store)
{
    if (!store->shortens) {
        return sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    }
    (void)sqlite3_busy_timeout(store->db, 0); /* nobody waits here for who reads */
    int code = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    (void)sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    store->shortens = code != SQLITE_OK;
    return code;
}

void store_copy_log(struct store *store)
{
    struct err err = {0};
    if (store_sync_first(store, &err) < 0) {
        log_warn("store", "the write-ahead log stays longer than it should: %s", err.message);
        return;
    }
    int code = checkpoint(store);
    if (code == SQLITE_OK) {
        store->wal_pages = 0;
    } else if (code != SQLITE_BUSY) {
        log_warn("store", "the write-ahead log stays longer than it should: %s", sqlite3_errmsg(store->db));
    }
}

/* After a commit. The write-ahead log is not copied into the database here, which would hold up who waits for the
 * commit, unless nobody calls store_tidy. */
static int note_wal(void *ctx, sqlite3 *db, const char *name, int pages)
{
    struct store *store = ctx;
    (void)db;
    (void)name;
    int turn = pages > store->log_pages ? pages - store->log_pages : pages; /* it may have begun anew */
    int wanted = turn < TIDY_PAGES_MOST ? turn * TIDY_TURNS : TIDY_PAGES_MOST;
    store->tidy_pages = wanted < TIDY_PAGES ? TIDY_PAGES : wanted < TIDY_PAGES_MOST ? wanted : TIDY_PAGES_MOST;
    store->log_pages = store->wal_pages = pages;
    if (pages >= UNTIDY_PAGES_MAX && !store->is_tidied) {
        store_copy_log(store);
    }
    return SQLITE_OK;
}

static int open_untimed(const char *path, int flags, mode_t mode)
{
    int fd = open(path, flags, mode);
    untimed_reads(fd);
    return fd;
}

/* What SQLite asks the system about its files, which it looks at in each transaction and syncs in each commit. */
static void leave_times(void)
{
    sqlite3_vfs *files = sqlite3_vfs_find("unix");
    if (files != NULL) {
        (void)files->xSetSystemCall(files, "open", (sqlite3_syscall_ptr)open_untimed);
        (void)files->xSetSystemCall(files, "fstat", (sqlite3_syscall_ptr)untimed_fstat);
    }
}

/* Of the process: nobody asks how much memory SQLite has, and each connection is one thread's. */
static void configure_once(void)
{
    static bool done;
    if (!done) {
        (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
        (void)sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
        leave_times();
        done = true;
    }
}

int store_open(const char *path, enum store_mode mode, struct store **ret_store, struct err *err)
{
    configure_once();
    struct store *store = mem_alloc(sizeof *store);
    store->writable = mode == STORE_READ_WRITE;
    store->cache_kib = CACHE_KIB;
    store->commits.bounds = histogram_bounds_quick;
    int flags = store->writable ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    int code = sqlite3_open_v2(path, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        (void)store_fail(store, code, "opening the store", err);
        goto fail;
    }
    (void)sqlite3_extended_result_codes(store->db, 1);
    (void)sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    /* Only the writer checkpoints, also when the last connection closes; and not one that is too old for this store. */
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    int version = 0;
    if (search_functions_add(store, err) < 0 || check_version(store, mode, &version, err) < 0) {
        goto fail;
    }
    if (store->writable) {
        (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
        if (prepare_writing(store, version, err) < 0) {
            goto fail;
        }
        (void)sqlite3_wal_hook(store->db, note_wal, store);
    }
    *ret_store = store;
    return 0;
fail:
    store_close(store);
    return err_add(err, "'%s'", path);
}

/* Closing copies the log into the file, after which nothing shows any more what was never synced. */
static void close_first_sync(struct store *store)
{
    struct err err = {0};
    if (store_sync_first(store, &err) < 0) {
        log_warn("store", "%s", err.message);
    }
    store_sync_beside(store, 0);
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    for (size_t i = 0; i < STORE_STATEMENT_SLOTS; i++) {
        for (struct stmt *s = store->statements[i]; s != NULL;) {
            struct stmt *next = s->next;
            sqlite3_finalize(s->handle);
            free(s);
            s = next;
        }
    }
    stmt_texts_clear(store);
    close_first_sync(store);
    (void)sqlite3_close(store->db);
    explicit_bzero(store->activity_key, sizeof store->activity_key);
    if (store->guards.arena != NULL) {
        arena_free(store->guards.arena);
    }
    free(store);
}

int store_begin(struct store *store, struct err *err)
{
    int result = store_exec_kept(store, "BEGIN IMMEDIATE", "beginning a transaction", err);
    store->in_transaction = store->in_transaction || result == 0;
    store->known = (struct store_known){0};
    return result;
}

int store_read_begin(struct store *store, struct err *err)
{
    if (store->in_transaction || store->is_reading) {
        return 0;
    }
    store->is_reading = store_exec_kept(store, "BEGIN DEFERRED", "beginning to read", err) == 0;
    return store->is_reading ? 0 : -1;
}

/* An error may have ended the transaction already. */
void store_read_end(struct store *store)
{
    if (!store->is_reading) {
        return;
    }
    struct err ignored = {0};
    if (sqlite3_get_autocommit(store->db) == 0 &&
        store_exec_kept(store, "COMMIT", "ending to read", &ignored) < 0) {
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    }
    store->is_reading = false;
}

/* SQLite would go on writing into a file that has no name any more. */
static int check_in_place(struct store *store, struct err *err)
{
    int moved = 0;
    (void)sqlite3_file_control(store->db, NULL, SQLITE_FCNTL_HAS_MOVED, &moved);
    return moved == 0 ? 0
                      : err_set(err, ERR_IO, "the store '%s' was moved or removed while in use: nothing more can be "
                                             "recorded",
                                sqlite3_db_filename(store->db, "main"));
}

/* What finds no room among the pages in memory is written before the commit, and read again. Failing is no error. */
static void set_wide(struct store *store, bool wide)
{
    char sql[64];
    (void)snprintf(sql, sizeof sql, "PRAGMA cache_size = -%d", wide ? CACHE_WIDE_KIB : store->cache_kib);
    store->is_wide = sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? wide : store->is_wide;
}

void store_expect_reading(struct store *store)
{
    store->cache_kib = CACHE_READING_KIB;
    set_wide(store, store->is_wide);
}

void store_expect_many_pages(struct store *store)
{
    store->has_many_pages = true;
    if (!store->is_wide) {
        set_wide(store, true);
    }
}

int store_commit(struct store *store, struct err *err)
{
    double begun = histogram_begin();
    if (check_in_place(store, err) < 0 || store_first_sync(store, err) < 0 ||
        store_exec_kept(store, "COMMIT", "committing", err) < 0) {
        store_rollback(store);
        return -1;
    }
    histogram_end(&store->commits, begun);
    store->in_transaction = false;
    store->known = (struct store_known){0};
    store->users.pending = store->permissions.pending = false;
    if (store->is_wide && !store->has_many_pages) {
        set_wide(store, false);
    }
    store->has_many_pages = false;
    return 0;
}

void store_tidy(struct store *store)
{
    store->is_tidied = true;
    if (store->wal_pages > 0 && store->wal_pages >= store->tidy_pages) {
        store_copy_log(store);
    }
}

void store_changes_note(struct store_changes *changes)
{
    changes->version++;
    changes->pending = true;
}

/* Whoever read rows that are taken back has read what is not so. */
static void take_back_changes(struct store *store)
{
    store->users.version += store->users.pending;
    store->permissions.version += store->permissions.pending;
}

void store_rollback(struct store *store)
{
    take_back_changes(store);
    store->users.pending = store->permissions.pending = false;
    store->in_transaction = store->has_many_pages = false;
    store->known = (struct store_known){0};
    err_clear(&store->broken);
    if (sqlite3_get_autocommit(store->db) == 0) {
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    }
}

int store_savepoint(struct store *store, struct err *err)
{
    return store_exec_kept(store, "SAVEPOINT event", "beginning an event", err);
}

int store_savepoint_release(struct store *store, struct err *err)
{
    return store_exec_kept(store, "RELEASE event", "ending an event", err);
}

void store_savepoint_back(struct store *store)
{
    take_back_changes(store);
    store->known = (struct store_known){0};
    (void)sqlite3_exec(store->db, "ROLLBACK TO event", NULL, NULL, NULL);
    (void)sqlite3_exec(store->db, "RELEASE event", NULL, NULL, NULL);
}

bool store_failed_since_begin(const struct store *store)
{
    return store->broken.code != ERR_NONE;
}

bool store_has_failed(const struct err *err)
{
    return err->code == ERR_IO || err->code == ERR_CORRUPT || err->code == ERR_BUSY || err->code == ERR_LIMIT;
}

int store_data_version(struct store *store, int64_t *ret_version, struct err *err)
{
    struct stmt *s = stmt_get(store, "PRAGMA data_version");
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret_version = stmt_column_int(s, 0);
    }
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

int store_check(struct store *store, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->db, "PRAGMA quick_check(1)", -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    int result = code == SQLITE_ROW ? 0 : store_fail(store, code, "checking the store", err);
    const char *text = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : "";
    if (result == 0 && strcmp(text == NULL ? "" : text, "ok") != 0) {
        result = err_set(err, ERR_CORRUPT, "the store is damaged: %s", text == NULL ? "" : text);
    }
    sqlite3_finalize(statement);
    return result;
}
