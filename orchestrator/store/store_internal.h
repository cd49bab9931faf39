/* SPDX-License-Identifier: Apache-2.0
 * The inside of a store handle, for store.c and stmt.c only.
 */
#ifndef SLUICE_STORE_STORE_INTERNAL_H
#define SLUICE_STORE_STORE_INTERNAL_H

#include "base/err.h"
#include "store/stmt.h"

#include <sqlite3.h>

enum { STMT_NAMES = 32 };

struct stmt {
    struct store *store;
    const char *sql; /* its address is the key */
    sqlite3_stmt *handle;
    int failed; /* SQLite code of a preparation or binding that failed, else 0 */
    /* The parameters in the order in which they are bound, which is always the same: found once. */
    const char *names[STMT_NAMES];
    int indices[STMT_NAMES];
    unsigned next_name;
    struct stmt *next;
};

enum { STORE_STATEMENT_SLOTS = 256 };

struct store {
    sqlite3 *db;
    bool writable;
    int wal_pages; /* of the write-ahead log, that are not in the database file */
    bool in_transaction;
    struct err broken; /* what has failed in this transaction: nothing more is done in it */
    struct stmt *statements[STORE_STATEMENT_SLOTS];
    bool has_activity_key;
    unsigned char activity_key[32];
};

/* Turns an SQLite result code into an err: FULL is ERR_LIMIT ("the disk is full"), BUSY is ERR_BUSY, CORRUPT and NOTADB
 * are ERR_CORRUPT, CONSTRAINT is ERR_STATE, the rest ERR_IO. Returns -1. A failure of the store breaks the transaction
 * that it came in: SQLite may have ended it, and what came after would be written at once, each by itself. */
int store_fail(struct store *store, int code, const char *doing, struct err *err);
/* -1 with what broke the transaction, until it is rolled back; or with why that has not been possible yet. */
int store_check_usable(struct store *store, struct err *err);

#endif
