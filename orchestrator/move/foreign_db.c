/* SPDX-License-Identifier: Apache-2.0 */
#include "move/foreign_db.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_MS = 30000, HEADER_BYTES = 20 };

static int fail(const struct foreign_db *db, int code, struct err *err)
{
    const char *text = db->db == NULL ? sqlite3_errstr(code) : sqlite3_errmsg(db->db);
    switch (code & 0xff) {
    case SQLITE_NOTADB:
        return err_set(err, ERR_INPUT, "'%s' is not a database: expected an SQLite file that MLflow wrote", db->path);
    case SQLITE_CORRUPT:
        return err_set(err, ERR_IO, "'%s' is damaged: %s; what can be saved of it, 'sqlite3 FILE .recover' prints",
                       db->path, text);
    case SQLITE_BUSY:
        return err_set(err, ERR_BUSY, "'%s' is being written to by its server for longer than %d seconds: stop that, "
                       "or try again", db->path, PATIENCE_MS / 1000);
    default:
        return err_set(err, ERR_IO, "reading '%s': %s", db->path, text);
    }
}

/* Byte 19 of the file says that its readers need the write-ahead log. An open connection always has that file. */
static int wants_no_log(const char *path, bool *ret, struct err *err)
{
    unsigned char header[HEADER_BYTES] = {0};
    char log[4200];
    int fd = fs_open_file(path, err);
    if (fd < 0) {
        return -1;
    }
    ssize_t size = read(fd, header, sizeof header);
    (void)close(fd);
    if (size == 0) {
        return err_set(err, ERR_INPUT, "'%s' is empty: expected an SQLite file that MLflow wrote", path);
    }
    (void)snprintf(log, sizeof log, "%s-wal", path);
    *ret = size == (ssize_t)sizeof header && header[19] == 2 && access(log, F_OK) < 0;
    return 0;
}

/* The path in a file: URI, where '?', '#' and '%' have a meaning of their own. */
static int make_uri(const char *path, bool immutable, char *room, size_t size, struct err *err)
{
    size_t n = (size_t)snprintf(room, size, "file:");
    for (const char *c = path; *c != '\0' && n + 64 < size; c++) {
        bool plain = strchr("?#%", *c) == NULL;
        n += (size_t)snprintf(room + n, size - n, plain ? "%c" : "%%%02X", plain ? *c : (unsigned char)*c);
    }
    if (n + 64 >= size) {
        return err_set(err, ERR_INPUT, "the path '%.200s...' is too long", path);
    }
    (void)snprintf(room + n, size - n, "?mode=ro%s", immutable ? "&immutable=1" : "");
    return 0;
}

int foreign_db_number(const struct foreign_db *db, const char *sql, int64_t *ret, struct err *err)
{
    sqlite3_stmt *s = NULL;
    *ret = 0;
    if (foreign_db_query(db, sql, NULL, &s, err) < 0) {
        return -1;
    }
    int row = foreign_db_step(db, s, err);
    *ret = row == 1 ? sqlite3_column_int64(s, 0) : 0;
    (void)sqlite3_finalize(s);
    return row < 0 ? -1 : 0;
}

int foreign_db_open(struct foreign_db *db, const char *path, struct err *err)
{
    char uri[8192];
    int64_t tables = 0;
    *db = (struct foreign_db){.path = path};
    if (wants_no_log(path, &db->immutable, err) < 0 || make_uri(path, db->immutable, uri, sizeof uri, err) < 0) {
        return -1;
    }
    int code = sqlite3_open_v2(uri, &db->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_busy_timeout(db->db, PATIENCE_MS);
    }
    if (code != SQLITE_OK) {
        (void)fail(db, code, err);
    }
    if (code != SQLITE_OK || foreign_db_number(db, "SELECT COUNT(*) FROM sqlite_master", &tables, err) < 0 ||
        foreign_db_number(db, "PRAGMA data_version", &db->version, err) < 0) {
        foreign_db_close(db);
        return -1;
    }
    return 0;
}

void foreign_db_close(struct foreign_db *db)
{
    (void)sqlite3_close(db->db);
    db->db = NULL;
}

bool foreign_db_has_table(const struct foreign_db *db, const char *table)
{
    return foreign_db_has_column(db, table, NULL);
}

bool foreign_db_has_column(const struct foreign_db *db, const char *table, const char *column)
{
    sqlite3_stmt *s = NULL;
    const char *sql = "SELECT 1 FROM pragma_table_info(?1) WHERE ?2 IS NULL OR name = ?2 LIMIT 1";
    bool found = sqlite3_prepare_v2(db->db, sql, -1, &s, NULL) == SQLITE_OK &&
                 sqlite3_bind_text(s, 1, table, -1, SQLITE_STATIC) == SQLITE_OK &&
                 (column == NULL || sqlite3_bind_text(s, 2, column, -1, SQLITE_STATIC) == SQLITE_OK) &&
                 sqlite3_step(s) == SQLITE_ROW;
    (void)sqlite3_finalize(s);
    return found;
}

int foreign_db_changed(struct foreign_db *db, struct err *err)
{
    int64_t version = 0;
    char log[4200];
    if (db->immutable) { /* nothing is looked at twice: whoever opens it makes that file */
        (void)snprintf(log, sizeof log, "%s-wal", db->path);
        return access(log, F_OK) == 0;
    }
    if (foreign_db_number(db, "PRAGMA data_version", &version, err) < 0) {
        return -1;
    }
    return version != db->version;
}

int foreign_db_query(const struct foreign_db *db, const char *sql, const char *text, sqlite3_stmt **ret,
                     struct err *err)
{
    *ret = NULL;
    return foreign_db_again(db, sql, text, ret, err);
}

int foreign_db_again(const struct foreign_db *db, const char *sql, const char *text, sqlite3_stmt **kept,
                     struct err *err)
{
    int code = *kept != NULL ? sqlite3_reset(*kept) : sqlite3_prepare_v2(db->db, sql, -1, kept, NULL);
    code = *kept != NULL ? SQLITE_OK : code; /* what reset says is the error of before */
    if (code == SQLITE_OK && text != NULL) {
        code = sqlite3_bind_text(*kept, 1, text, -1, SQLITE_TRANSIENT);
    }
    return code == SQLITE_OK ? 0 : fail(db, code, err);
}

int foreign_db_step(const struct foreign_db *db, sqlite3_stmt *s, struct err *err)
{
    int code = sqlite3_step(s);
    return code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : fail(db, code, err);
}

const char *foreign_db_text(sqlite3_stmt *s, int column, struct arena *arena)
{
    const char *text = (const char *)sqlite3_column_text(s, column);
    return text == NULL ? "" : arena_strdup(arena, text);
}

const char *foreign_db_text_or_null(sqlite3_stmt *s, int column, struct arena *arena)
{
    const char *text = (const char *)sqlite3_column_text(s, column);
    return text == NULL || *text == '\0' ? NULL : arena_strdup(arena, text);
}
