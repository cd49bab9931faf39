/* SPDX-License-Identifier: Apache-2.0
 * A database that another program wrote, opened to be read: never written to, whatever it is in the middle of.
 */
#ifndef SLUICE_MOVE_FOREIGN_DB_H
#define SLUICE_MOVE_FOREIGN_DB_H

#include "base/arena.h"
#include "base/err.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct foreign_db {
    sqlite3 *db;
    const char *path;
    int64_t version; /* PRAGMA data_version when it was opened */
    bool immutable;  /* opened without locks: in WAL mode, and nobody has it open */
};

/* ERR_INPUT when it is no database, ERR_NOT_FOUND when there is none. One in WAL mode that nobody has open is read
 * without the two files that SQLite would make beside it. */
int foreign_db_open(struct foreign_db *db, const char *path, struct err *err);
void foreign_db_close(struct foreign_db *db);
bool foreign_db_has_table(const struct foreign_db *db, const char *table);
bool foreign_db_has_column(const struct foreign_db *db, const char *table, const char *column);
/* 1 when another connection has written to it since it was opened; 0, -1. */
int foreign_db_changed(struct foreign_db *db, struct err *err);

/* A query of one text parameter (NULL: none). On failure *ret is NULL. */
int foreign_db_query(const struct foreign_db *db, const char *sql, const char *text, sqlite3_stmt **ret,
                     struct err *err);
/* The same, kept in *kept, which is NULL at first; whoever keeps it finalizes it. */
int foreign_db_again(const struct foreign_db *db, const char *sql, const char *text, sqlite3_stmt **kept,
                     struct err *err);
/* 1 a row, 0 the end, -1. */
int foreign_db_step(const struct foreign_db *db, sqlite3_stmt *s, struct err *err);
/* "" for NULL; copied. */
const char *foreign_db_text(sqlite3_stmt *s, int column, struct arena *arena);
/* NULL for NULL and for "". */
const char *foreign_db_text_or_null(sqlite3_stmt *s, int column, struct arena *arena);
/* The number that a query of one row gives; 0 when it gives none. */
int foreign_db_number(const struct foreign_db *db, const char *sql, int64_t *ret, struct err *err);

#endif
