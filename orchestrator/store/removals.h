/* SPDX-License-Identifier: Apache-2.0
 * Removing records for good, and remembering which files have to go with them. The order that leaves nothing dangling:
 * in one transaction the rows go and a row of `removals` takes down each path; then the files; then that row. Whatever
 * is killed in between, no row speaks of a file that is not there, and the next one finds what is left to do.
 */
#ifndef SLUICE_STORE_REMOVALS_H
#define SLUICE_STORE_REMOVALS_H

#include "store/store.h"

#include <stdint.h>

struct removal {
    const char *path; /* absolute */
    const char *of;   /* what it belonged to, in words */
    int64_t begun_ms;
};
int store_removal_put(struct store *store, const struct removal *removal, struct err *err);
/* By path. */
int store_removal_list(struct store *store, struct arena *arena, struct removal **ret, size_t *ret_count,
                       struct err *err);
/* Its files have another name by now. */
int store_removal_move(struct store *store, const char *path, const char *to, struct err *err);
/* Its files are gone. */
int store_removal_done(struct store *store, const char *path, struct err *err);

/* ---- rows ---- */
/* A run of a pipeline goes head first: with this its row and kept results, so that nobody sees it or is given what it
 * left; leaving_runs says from then on what is still to go. It has ended. Its MLflow runs have their own rows. */
int store_remove_pipeline_run_head(struct store *store, const char *run_id, int64_t now_ms, struct err *err);
/* 1: its head has gone, and not all of the rest. */
int store_is_leaving(struct store *store, const char *run_id, struct err *err);
/* The rest of it, at most so many rows: steps, attempts, waits, votes, gates, keys; at last that it is leaving.
 * `*ret_more` until that has gone. */
int store_remove_pipeline_run_rows(struct store *store, const char *run_id, int64_t most, bool *ret_more,
                                   struct err *err);
/* All of an MLflow run: params, tags, metrics, datasets and models it used, what it published. */
int store_remove_run(struct store *store, const char *run_id, struct err *err);
/* All of a logged model. */
int store_remove_model(struct store *store, const char *model_id, struct err *err);
/* All of an experiment, by its id in decimal digits: traces, datasets, tags. Its runs and models must have gone. */
int store_remove_experiment(struct store *store, const char *id, struct err *err);
/* Only what is said of the files of an MLflow run or a logged model; a model is a deleted one from then on. */
int store_remove_files_of(struct store *store, const char *owner, int64_t now_ms, struct err *err);
/* A kept result, by its key. */
int store_remove_cache_entry(struct store *store, const char *key, struct err *err);
/* The digest of a file, by its path. */
int store_remove_file_digest(struct store *store, const char *path, struct err *err);

/* Rows that nothing refers to any more, by kind: definitions without a run, datasets that no run used, keys of steps
 * and questions of attempts that are no more. */
enum { STORE_LOOSE_KINDS = 4 };
extern const char *const store_loose_names[STORE_LOOSE_KINDS];
/* How many there are; with `remove` they go, in the transaction of the caller. */
int store_loose_rows(struct store *store, bool remove, int64_t ret_counts[STORE_LOOSE_KINDS], struct err *err);

/* ---- the file ---- */
/* Bytes of the database file, and those of its pages that hold nothing. */
int store_space(struct store *store, int64_t *ret_bytes, int64_t *ret_free_bytes, struct err *err);
/* Writes the file anew without the free pages, and empties the log beside it. Outside a transaction. */
int store_compact(struct store *store, struct err *err);

#endif
