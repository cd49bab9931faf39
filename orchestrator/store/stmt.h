/* SPDX-License-Identifier: Apache-2.0
 * Prepared statements with named parameters. Inside store/ only.
 *
 *     struct stmt *s = stmt_get(store, "SELECT name FROM experiments WHERE id = :id", err);
 *     stmt_int(s, ":id", 7);
 *     while ((row = stmt_step(s, err)) == 1) { name = stmt_column_text(s, 0, arena); }
 *     stmt_done(s);
 *
 * Statements are prepared once for each SQL text (by its address: use literals or static constants) and kept. A name
 * that the SQL does not have is our bug: an assert. stmt_get never returns NULL: a failed preparation is reported by
 * stmt_step, so that callers check once.
 */
#ifndef SLUICE_STORE_STMT_H
#define SLUICE_STORE_STMT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct store;
struct stmt;

struct stmt *stmt_get(struct store *store, const char *sql);
/* The same of a text made at run time, which is copied: found by what it says, and kept while it is among the last
 * STORE_TEXTS that were asked for. Its values are numbered from 1. */
struct stmt *stmt_get_text(struct store *store, struct str sql);
void stmt_int_at(struct stmt *s, int index, int64_t value);
void stmt_real_at(struct stmt *s, int index, double value);
void stmt_str_at(struct stmt *s, int index, struct str value); /* not copied */
/* Names are literals. Text and bytes are not copied: they must live until stmt_done or stmt_run. */
void stmt_int(struct stmt *s, const char *name, int64_t value);
void stmt_real(struct stmt *s, const char *name, double value); /* NaN is bound as NULL by SQLite: use a flag column */
void stmt_text(struct stmt *s, const char *name, const char *value); /* NULL binds NULL */
void stmt_str(struct stmt *s, const char *name, struct str value);
/* Of a text that is gone before the statement is run. */
void stmt_str_copied(struct stmt *s, const char *name, struct str value);
void stmt_blob(struct stmt *s, const char *name, const void *bytes, size_t size);
void stmt_null(struct stmt *s, const char *name);
/* 1 a row, 0 the end, -1 an error. */
int stmt_step(struct stmt *s, struct err *err);
int64_t stmt_column_int(struct stmt *s, int column);
double stmt_column_real(struct stmt *s, int column);
bool stmt_column_is_null(struct stmt *s, int column);
/* "" for NULL; copied. stmt_column_text_or_null gives NULL for NULL. */
char *stmt_column_text(struct stmt *s, int column, struct arena *arena);
char *stmt_column_text_or_null(struct stmt *s, int column, struct arena *arena);
/* The text itself, "" for NULL: NUL-terminated, and gone with the next step. */
struct str stmt_column_view(struct stmt *s, int column);
/* The same without the NUL, which mostly has to be put there first. */
struct str stmt_column_bytes(struct stmt *s, int column);
struct str stmt_column_blob(struct stmt *s, int column, struct arena *arena);
/* Resets and unbinds; must follow the last step. */
void stmt_done(struct stmt *s);
/* step to the end + done: the number of rows changed, or -1. */
int64_t stmt_run(struct stmt *s, struct err *err);
/* Runs it and demands exactly one changed row; otherwise ERR_STATE with `what`. */
int stmt_run_one(struct stmt *s, const char *what, struct err *err);
int64_t stmt_last_id(struct store *store);
/* Reads the row that a statement stands at into an item. */
typedef void stmt_reader(struct stmt *s, struct arena *arena, void *item);
stmt_reader stmt_read_text; /* const char *: the only column */
/* The first row of a bound query, and is done with it: 1, 0 when there is none, -1. */
int stmt_read_row(struct stmt *s, stmt_reader *read, struct arena *arena, void *ret, struct err *err);
/* Steps to the end of a bound query, and gives its rows, each an item of `size` bytes. `ret` is the address of a
 * pointer to items; NULL is put there when there are none. */
int stmt_read_rows(struct stmt *s, stmt_reader *read, size_t size, struct arena *arena, void *ret, size_t *ret_count,
                   struct err *err);
/* Steps to the end of a bound query of keys and texts, and gives them as a map, in their order; keys are different. */
int stmt_read_map(struct stmt *s, struct arena *arena, struct json *ret, struct err *err);

#endif
