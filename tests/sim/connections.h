/* SPDX-License-Identifier: Apache-2.0
 * Between the programs' objects and SQLite: the linker turns their calls of sqlite3_open_v2, _close, _db_config,
 * _prepare_v2, _prepare_v3, _finalize, _step and _exec to connections.c (--wrap), which hands them on.
 *
 * Three things are done on the way. A connection that a killed process leaves is emptied and handed to the next that
 * opens the home, with its statements: the schema is not parsed and statements are not compiled again for each of
 * thousands of processes. And a statement can fail as told, which no disk can bring about at will: most of what they
 * read is in SQLite's cache. And the calls of the store itself (store_commit and its like) are looked at: after a
 * statement has failed, the turn is over.
 */
#ifndef SLUICE_SIM_CONNECTIONS_H
#define SLUICE_SIM_CONNECTIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* The process that has the engine's connection is dead: what it closes is kept. */
void connections_process_dies(void);
void connections_process_begins(void);

/* After `statements` more of the engine's the next fails with `code`, and is not carried out. Negative: none will. */
void connections_fail(int statements, int code);
/* The same, and so many of those that follow. */
void connections_fail_row(int statements, int code, int length);
/* The nth from now of those that hold the text fails (0: the next) with `code`, and so many as `length` in all. */
void connections_fail_at(const char *text, int nth, int code, int length);
/* How many there were so far. */
int connections_count(void);
/* While it is noted where statements come from: those that come from a place, by a way, of which none came before since
 * the program began, by their numbers: the first of each, and of some the last. */
void connections_note(bool on);
const int *connections_new_places(size_t *ret_count);
/* How many have failed so far, and the last of them. */
int connections_failures(const char **ret_sql);
/* Is this the kind of error that the failure must be told as? */
bool connections_is_like(enum err_code code);
/* A transaction was committed in which a statement had failed: the statement, and NULL from then on. */
const char *connections_ignored(void);
/* The store was asked for more in a transaction in which a statement had failed: the statement, and NULL from then on.
 * The store refuses that; but who asks has not heard, and goes on with what it was never given. */
const char *connections_unheard(void);

#endif
