/* SPDX-License-Identifier: Apache-2.0 */
#include "connections.h"

#include "base/mem.h"
#include "disk.h"
#include "origins.h"
#include "store/store.h"
#include "store/store_internal.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 512, FUNCTIONS = 16 };

/* The linker's names of the functions themselves, and of what is called in their place. */
int __real_sqlite3_open_v2(const char *path, sqlite3 **ret, int flags, const char *vfs);
int __real_sqlite3_close(sqlite3 *db);
int __real_sqlite3_db_config(sqlite3 *db, int option, ...);
int __real_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int size, unsigned flags, sqlite3_stmt **ret,
                              const char **ret_tail);
int __real_sqlite3_create_function_v2(sqlite3 *db, const char *name, int arguments, int flags, void *data,
                                      void (*call)(sqlite3_context *, int, sqlite3_value **),
                                      void (*step)(sqlite3_context *, int, sqlite3_value **),
                                      void (*final)(sqlite3_context *), void (*destroy)(void *));
void *__real_sqlite3_user_data(sqlite3_context *context);
int __real_sqlite3_finalize(sqlite3_stmt *statement);
int __real_sqlite3_step(sqlite3_stmt *statement);
int __real_sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *ctx,
                        char **ret_message);
int __wrap_sqlite3_open_v2(const char *path, sqlite3 **ret, int flags, const char *vfs);
int __wrap_sqlite3_close(sqlite3 *db);
int __wrap_sqlite3_db_config(sqlite3 *db, int option, ...);
int __wrap_sqlite3_prepare_v2(sqlite3 *db, const char *sql, int size, sqlite3_stmt **ret, const char **ret_tail);
int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int size, unsigned flags, sqlite3_stmt **ret,
                              const char **ret_tail);
int __wrap_sqlite3_create_function_v2(sqlite3 *db, const char *name, int arguments, int flags, void *data,
                                      void (*call)(sqlite3_context *, int, sqlite3_value **),
                                      void (*step)(sqlite3_context *, int, sqlite3_value **),
                                      void (*final)(sqlite3_context *), void (*destroy)(void *));
void *__wrap_sqlite3_user_data(sqlite3_context *context);
int __wrap_sqlite3_finalize(sqlite3_stmt *statement);
int __wrap_sqlite3_step(sqlite3_stmt *statement);
int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *ctx,
                        char **ret_message);
int __real_store_check_usable(struct store *store, struct err *err);
int __real_store_commit(struct store *store, struct err *err);
int __real_store_savepoint(struct store *store, struct err *err);
int __real_store_savepoint_release(struct store *store, struct err *err);
int __wrap_store_check_usable(struct store *store, struct err *err);
int __wrap_store_commit(struct store *store, struct err *err);
int __wrap_store_savepoint(struct store *store, struct err *err);
int __wrap_store_savepoint_release(struct store *store, struct err *err);

struct kept_statement {
    const char *sql; /* its address is the key, as in store/stmt.c */
    sqlite3_stmt *statement;
};

/* One of the store's own in SQL. */
struct kept_function {
    const char *name; /* NULL: none */
    void *data;       /* the store that is open */
};

/* One connection that writes, the engine's, and one that only reads, the checker's. */
struct connection {
    sqlite3 *db; /* NULL: there is none */
    bool idle;
    bool has_pragmas;    /* of its first opening: they hold still, and would have all statements compiled again */
    int no_checkpoint;   /* SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE: set when it is closed, for the same reason */
    struct kept_statement statements[SLOTS];
    struct kept_function functions[FUNCTIONS];
};

static struct connection engine, checker;
static bool process_is_dead;

static struct {
    int after, code, length;
    char like[80]; /* only those that hold it; "": any */
    int count, failures;
    const char *last; /* that failed */
    bool in_transaction;
    const char *ignored, *unheard;
} failing = {.after = -1};

/* ---- connections that are kept --------------------------------------------------------------- */

static struct connection *of(const sqlite3 *db)
{
    return db == NULL ? NULL : db == engine.db ? &engine : db == checker.db ? &checker : NULL;
}

static int close_really(struct connection *connection)
{
    for (size_t i = 0; i < SLOTS; i++) {
        (void)__real_sqlite3_finalize(connection->statements[i].statement);
    }
    (void)__real_sqlite3_db_config(connection->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, connection->no_checkpoint, NULL);
    int code = __real_sqlite3_close(connection->db);
    memset(connection, 0, sizeof *connection);
    return code;
}

int __wrap_sqlite3_open_v2(const char *path, sqlite3 **ret, int flags, const char *name)
{
    struct connection *connection = (flags & SQLITE_OPEN_READONLY) != 0 ? &checker : &engine;
    if (connection->db != NULL && connection->idle) {
        connection->idle = false;
        *ret = connection->db;
        disk_attach(connection->db);
        return SQLITE_OK;
    }
    int code = __real_sqlite3_open_v2(path, ret, flags, name);
    if (code == SQLITE_OK && connection->db == NULL) {
        connection->db = *ret;
    }
    return code;
}

/* Nothing of the process's stays: neither what it had begun nor what it had read. */
static bool empty(sqlite3 *db)
{
    if (sqlite3_get_autocommit(db) == 0) {
        (void)__real_sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    (void)sqlite3_db_release_memory(db);
    return sqlite3_get_autocommit(db) != 0 && sqlite3_next_stmt(db, NULL) != NULL && disk_detach(db);
}

/* A process that leaves in order writes the WAL into the database when it is the last, and removes it. SQLite does
 * that when one is closed that was opened for it, once the other, which is kept, holds nothing. */
static bool empty_as_the_last(struct connection *connection)
{
    sqlite3 *last = NULL;
    int code = __real_sqlite3_open_v2(sqlite3_db_filename(connection->db, "main"), &last,
                                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    bool done = code == SQLITE_OK &&
                __real_sqlite3_db_config(last, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, connection->no_checkpoint, NULL) ==
                    SQLITE_OK &&
                __real_sqlite3_exec(last, "PRAGMA user_version", NULL, NULL, NULL) == SQLITE_OK && /* opens the WAL */
                empty(connection->db);
    (void)__real_sqlite3_close(last);
    return done;
}

int __wrap_sqlite3_close(sqlite3 *db)
{
    struct connection *connection = of(db);
    if (connection == NULL) {
        return __real_sqlite3_close(db);
    }
    /* While another looks, the end of its connection does nothing to the disk. */
    bool alone = checker.db == NULL || checker.idle;
    bool is_last = connection == &engine && !process_is_dead && alone;
    if (is_last ? empty_as_the_last(connection) : empty(db)) {
        connection->idle = true;
        return SQLITE_OK;
    }
    return close_really(connection);
}

/* All options that the programs set are on or off. */
int __wrap_sqlite3_db_config(sqlite3 *db, int option, ...)
{
    struct connection *connection = of(db);
    va_list arguments;
    va_start(arguments, option);
    int on = va_arg(arguments, int);
    int *ret_on = va_arg(arguments, int *);
    va_end(arguments);
    if (connection != NULL && option == SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE) {
        connection->no_checkpoint = on;
        return SQLITE_OK;
    }
    return __real_sqlite3_db_config(db, option, on, ret_on);
}

void connections_process_dies(void)
{
    process_is_dead = true;
}

void connections_process_begins(void)
{
    process_is_dead = false;
    failing.in_transaction = false;
}

/* ---- statements that are kept ---------------------------------------------------------------- */

static struct kept_statement *slot_of(struct connection *connection, const char *sql)
{
    size_t at = ((size_t)(const void *)sql >> 3) * 0x9e3779b97f4a7c15u >> 55;
    for (size_t i = 0; i < SLOTS; i++) {
        struct kept_statement *slot = &connection->statements[(at + i) % SLOTS];
        if (slot->sql == sql || slot->sql == NULL) {
            return slot;
        }
    }
    abort();
}

int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int size, unsigned flags, sqlite3_stmt **ret,
                              const char **ret_tail)
{
    struct connection *connection = of(db);
    struct kept_statement *slot = connection == NULL ? NULL : slot_of(connection, sql);
    if (slot == NULL) {
        return __real_sqlite3_prepare_v3(db, sql, size, flags, ret, ret_tail);
    }
    if (slot->statement != NULL) {
        *ret = slot->statement;
        return SQLITE_OK;
    }
    int code = __real_sqlite3_prepare_v3(db, sql, size, flags, ret, ret_tail);
    if (code == SQLITE_OK) {
        *slot = (struct kept_statement){sql, *ret};
    }
    return code;
}

int __wrap_sqlite3_prepare_v2(sqlite3 *db, const char *sql, int size, sqlite3_stmt **ret, const char **ret_tail)
{
    return __wrap_sqlite3_prepare_v3(db, sql, size, 0, ret, ret_tail);
}

int __wrap_sqlite3_finalize(sqlite3_stmt *statement)
{
    if (statement == NULL || of(sqlite3_db_handle(statement)) == NULL) {
        return __real_sqlite3_finalize(statement);
    }
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return SQLITE_OK;
}

/* ---- functions that are kept ----------------------------------------------------------------- */

/* Giving a connection a function that it has would have all its statements compiled again: it stays, and is told of the
 * store that is open by now. */
int __wrap_sqlite3_create_function_v2(sqlite3 *db, const char *name, int arguments, int flags, void *data,
                                      void (*call)(sqlite3_context *, int, sqlite3_value **),
                                      void (*step)(sqlite3_context *, int, sqlite3_value **),
                                      void (*final)(sqlite3_context *), void (*destroy)(void *))
{
    struct connection *connection = of(db);
    if (connection == NULL) {
        return __real_sqlite3_create_function_v2(db, name, arguments, flags, data, call, step, final, destroy);
    }
    struct kept_function *function = connection->functions;
    while (function->name != NULL && strcmp(function->name, name) != 0) {
        function++;
        if (function == connection->functions + FUNCTIONS) {
            abort();
        }
    }
    function->data = data;
    if (function->name != NULL) {
        return SQLITE_OK;
    }
    function->name = name;
    return __real_sqlite3_create_function_v2(db, name, arguments, flags, function, call, step, final, destroy);
}

void *__wrap_sqlite3_user_data(sqlite3_context *context)
{
    void *data = __real_sqlite3_user_data(context);
    return of(sqlite3_context_db_handle(context)) == NULL ? data : ((struct kept_function *)data)->data;
}

/* ---- statements that fail -------------------------------------------------------------------- */

static struct origins origins;

void connections_note(bool on)
{
    origins_begin(&origins, on);
}

const int *connections_new_places(size_t *ret_count)
{
    return origins_kept(&origins, 4, ret_count);
}

static bool fails(const sqlite3 *db, const char *sql)
{
    if (process_is_dead || db != engine.db) {
        return false;
    }
    failing.count++;
    origins_note(&origins, sql, failing.count);
    if (failing.after < 0 || strstr(sql, failing.like) == NULL || failing.after-- > 0) {
        return false;
    }
    failing.after = --failing.length > 0 ? 0 : -1;
    failing.like[0] = '\0'; /* those that follow are any */
    failing.failures++;
    failing.last = sql;
    failing.in_transaction = sqlite3_get_autocommit(engine.db) == 0;
    return true;
}

void connections_fail_row(int statements, int code, int length)
{
    failing.after = statements;
    failing.code = code;
    failing.length = length;
    failing.like[0] = '\0';
}

void connections_fail_at(const char *text, int nth, int code, int length)
{
    connections_fail_row(nth, code, length);
    (void)snprintf(failing.like, sizeof failing.like, "%s", text);
}

void connections_fail(int statements, int code)
{
    connections_fail_row(statements, code, 1);
}

int connections_count(void)
{
    return failing.count;
}

int connections_failures(const char **ret_sql)
{
    *ret_sql = failing.last == NULL ? "" : failing.last;
    return failing.failures;
}

bool connections_is_like(enum err_code code)
{
    int primary = failing.code & 0xff;
    return code == (primary == SQLITE_FULL ? ERR_LIMIT : primary == SQLITE_BUSY ? ERR_BUSY : ERR_IO);
}

const char *connections_ignored(void)
{
    const char *ignored = failing.ignored;
    failing.ignored = NULL;
    return ignored;
}

const char *connections_unheard(void)
{
    const char *unheard = failing.unheard;
    failing.unheard = NULL;
    return unheard;
}

static bool begins_with(const char *sql, const char *word)
{
    return *sql == *word && strncmp(sql, word, strlen(word)) == 0; /* each step of each statement is asked about */
}

/* True when the statement fails, and is not to be carried out. */
static bool intercept(sqlite3 *db, const char *sql)
{
    static bool was_back;
    if (db != engine.db) {
        return false;
    }
    bool back = begins_with(sql, "ROLLBACK"); /* nobody asks what it comes to, nor what is behind it */
    bool behind = was_back && begins_with(sql, "RELEASE");
    was_back = back;
    if (!back && !behind && fails(db, sql)) {
        return true;
    }
    bool commits = strcmp(sql, "COMMIT") == 0;
    if (commits && failing.in_transaction) {
        failing.ignored = failing.last;
    }
    failing.in_transaction = failing.in_transaction && !commits && strcmp(sql, "ROLLBACK") != 0 &&
                             sqlite3_get_autocommit(db) == 0;
    return false;
}

int __wrap_sqlite3_step(sqlite3_stmt *statement)
{
    return intercept(sqlite3_db_handle(statement), sqlite3_sql(statement)) ? failing.code
                                                                           : __real_sqlite3_step(statement);
}

int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *ctx,
                        char **ret_message)
{
    if (intercept(db, sql)) {
        return failing.code;
    }
    struct connection *connection = of(db);
    if (connection != NULL && sql == store_writer_pragmas) {
        if (connection->has_pragmas) {
            return SQLITE_OK;
        }
        connection->has_pragmas = true;
    }
    return __real_sqlite3_exec(db, sql, row, ctx, ret_message);
}

/* ---- the store's own calls ------------------------------------------------------------------- */

static void look_who_asks(const struct store *store)
{
    if (!process_is_dead && store_failed_since_begin(store)) {
        failing.unheard = failing.last;
    }
}

int __wrap_store_check_usable(struct store *store, struct err *err)
{
    look_who_asks(store);
    return __real_store_check_usable(store, err);
}

int __wrap_store_commit(struct store *store, struct err *err)
{
    look_who_asks(store);
    return __real_store_commit(store, err);
}

int __wrap_store_savepoint(struct store *store, struct err *err)
{
    look_who_asks(store);
    return __real_store_savepoint(store, err);
}

int __wrap_store_savepoint_release(struct store *store, struct err *err)
{
    look_who_asks(store);
    return __real_store_savepoint_release(store, err);
}
