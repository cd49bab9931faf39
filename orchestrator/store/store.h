/* SPDX-License-Identifier: Apache-2.0
 * The store: one SQLite file, one writer.
 *
 * The connection opened for writing is the only one that writes and checkpoints, in one process, from one
 * thread: the turn's (docs/operations.md, "One writer"). Others open it read-only and never checkpoint. Durability is
 * WAL with synchronous=FULL: what store_commit has returned from survives a power cut.
 *
 * Record families have a file each (experiments, runs, metrics, ...); their functions run inside the
 * transaction that the caller has begun, and return ERR_BUSY, ERR_IO, ERR_CORRUPT, ERR_LIMIT (disk full) for
 * what SQLite reports. Text handed out lives in the arena given.
 */
#ifndef SLUICE_STORE_STORE_H
#define SLUICE_STORE_STORE_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

enum store_mode {
    STORE_READ_WRITE,
    STORE_READ_ONLY,
    STORE_READ_OLDER, /* read-only, also of an earlier schema: the caller knows which columns there have always been */
};

/* Opens, creating and migrating it when writable. A file written by a newer sluice is ERR_NEWER, in words, and left as
 * it is; one that a read-only opener finds not migrated yet is ERR_STATE. */
int store_open(const char *path, enum store_mode mode, struct store **ret_store, struct err *err);
void store_close(struct store *store);
/* The same two errors, of a store that was opened before: a newer sluice may have come to it since. */
int store_check_version(struct store *store, struct err *err);
/* The schema version this program writes. */
int store_schema_version(void);
const char *store_sqlite_version(void);

/* Whoever has it open answers searches from it, one after the other: what a page of runs is read from stays in memory,
 * some 3,000 pages of the file. */
void store_expect_reading(struct store *store);

int store_begin(struct store *store, struct err *err);
/* On failure the transaction is rolled back. It fails if the store has failed in the transaction, whoever passed over
 * that. */
int store_commit(struct store *store, struct err *err);
/* What is read until the end is of one moment, and quicker than query by query, each of which would lock the store.
 * Within a transaction that writes it is nothing. What is written in between is committed at the end. */
int store_read_begin(struct store *store, struct err *err);
void store_read_end(struct store *store);
/* Copies a long write-ahead log into the database, after a commit and all that waited for it; how long depends on what
 * the commit wrote. Failing is logged: it is tried again after the next commit. */
void store_tidy(struct store *store);
void store_rollback(struct store *store);
/* Savepoints, for one event of a turn: release keeps what came after it, back undoes it. One
 * inside another is ended first. */
int store_savepoint(struct store *store, struct err *err);
int store_savepoint_release(struct store *store, struct err *err);
void store_savepoint_back(struct store *store);
/* Is this an error of the store itself (disk, damage, lock), not of what was asked of it? */
bool store_has_failed(const struct err *err);
/* Has the store itself failed since the transaction began? For callers whose error may also come from files. */
bool store_failed_since_begin(const struct store *store);
/* A number that is another one when a different connection has written since it was last asked for. */
int store_data_version(struct store *store, int64_t *ret_version, struct err *err);
/* SQLite's own check of the whole file. 0 when sound. */
int store_check(struct store *store, struct err *err);

#endif
