/* SPDX-License-Identifier: Apache-2.0
 * The inside of a source that is MLflow's database.
 */
#ifndef SLUICE_MOVE_DATABASE_SOURCE_H
#define SLUICE_MOVE_DATABASE_SOURCE_H

#include "move/foreign_db.h"
#include "move/source.h"

enum database_query {
    DB_EXPERIMENT_IDS,
    DB_EXPERIMENT,
    DB_EXPERIMENT_TAGS,
    DB_RUN_IDS,
    DB_RUN,
    DB_PARAMS,
    DB_TAGS,
    DB_DATASETS,
    DB_INPUT_TAGS,
    DB_MODEL_INPUTS,
    DB_MODEL_OUTPUTS,
    DB_POINTS,
    DB_MODEL_POINTS,
    DB_MODEL_IDS,
    DB_MODEL,
    DB_MODEL_PARAMS,
    DB_MODEL_TAGS,
    DB_NAMES,
    DB_REGISTERED,
    DB_REGISTERED_TAGS,
    DB_VERSIONS,
    DB_VERSION_TAGS,
    DB_ALIASES,
    DB_TRACE_IDS,
    DB_TRACE,
    DB_TRACE_TAGS,
    DB_TRACE_METADATA,
    DB_SPANS,
    DB_QUERIES,
};

struct database_source {
    struct move_source base;
    struct foreign_db db;
    const char *sql[DB_QUERIES]; /* NULL: this version of MLflow has nothing of the kind */
    sqlite3_stmt *statements[DB_QUERIES];
    bool has_measured; /* metrics of models */
};

static inline struct database_source *database_of(struct move_source *source)
{
    return (struct database_source *)source;
}

/* ---- database_queries.c ---- */
void database_make_queries(struct database_source *source, struct arena *arena);

/* ---- database_source.c ---- */
/* Begins a query; *ret is NULL where this version has nothing of the kind. */
int database_ask(struct database_source *source, enum database_query query, const char *text, sqlite3_stmt **ret,
                 struct err *err);
/* 1 a row, 0 the end or nothing of the kind, -1. At the end the statement lets go of the database. */
int database_next(struct database_source *source, sqlite3_stmt *s, struct err *err);
int database_read_pairs(struct database_source *source, enum database_query query, const char *id,
                        struct arena *arena, struct moved_pairs *ret, struct err *err);
/* The one row of a record, which stands in the statement; ERR_NOT_FOUND. */
int database_ask_one(struct database_source *source, enum database_query query, const char *what, const char *id,
                     sqlite3_stmt **ret, struct err *err);

/* ---- database_runs.c ---- */
int database_run(struct move_source *base, const char *id, struct arena *arena, struct moved_run *ret,
                 struct err *err);
int database_series(struct move_source *base, const char *run_id, moved_series_take *take, void *context,
                    struct err *err);
/* What was measured on models has no index by run in MLflow's table: this makes one in SQLite's own temporary file. */
int database_index_measured(struct database_source *source, struct err *err);

#endif
