/* SPDX-License-Identifier: Apache-2.0
 * Repositories whose pipelines are in force (trigger/sources.h): where each stands, the jobs that follow them, and the
 * runs that keep a commit.
 */
#ifndef SLUICE_STORE_SOURCES_H
#define SLUICE_STORE_SOURCES_H

#include "store/store.h"

#include <stddef.h>
#include <stdint.h>

enum { JOBS_KEPT = 100 };

struct source_row {
    const char *name, *url, *branch, *path, *page; /* the last three may be "" */
    int64_t every_ms;
    const char *at_branch; /* "" */
    const char *seen;      /* "" */
    const char *about;     /* JSON */
    const char *in_force;  /* "" */
    int64_t since_ms;
    const char *problems;  /* JSON, "[]" */
    const char *error;     /* "" */
    int64_t failures, failing_ms, fetched_ms, tried_ms;
};

int store_source_put(struct store *store, const struct source_row *row, struct err *err);
/* 1, or 0 when there is none of that name. */
int store_source_find(struct store *store, const char *name, struct arena *arena, struct source_row *ret,
                      struct err *err);
/* By name. */
int store_source_list(struct store *store, struct arena *arena, struct source_row **ret, size_t *ret_count,
                      struct err *err);
int store_source_remove(struct store *store, const char *name, struct err *err);

struct job_row {
    int64_t id; /* set by insert */
    const char *source, *why, *actor;
    const char *state; /* waiting running done failed lost */
    const char *words;     /* "" */
    const char *commit_id; /* "" */
    int64_t created_ms, started_ms, ended_ms;
};
/* Adds it; of those that have ended only the last JOBS_KEPT stay. */
int store_job_insert(struct store *store, struct job_row *row, struct err *err);
/* One that waits: a new one, of `source`, `why`, `actor` and `created_ms`, unless one that does as much does so. */
int store_job_want(struct store *store, struct job_row *row, struct arena *arena, struct err *err);
int store_job_update(struct store *store, const struct job_row *row, struct err *err);
/* 1, or 0 when it is gone. */
int store_job_find(struct store *store, int64_t id, struct arena *arena, struct job_row *ret, struct err *err);
/* Newest first; of one source, or of all (NULL). */
int store_job_list(struct store *store, const char *source, size_t limit, struct arena *arena, struct job_row **ret,
                   size_t *ret_count, struct err *err);
/* Those that wait, oldest first. */
int store_jobs_waiting(struct store *store, struct arena *arena, struct job_row **ret, size_t *ret_count,
                       struct err *err);
/* Of a process that has gone: those that ran are lost. */
int store_jobs_lost(struct store *store, int64_t now_ms, struct err *err);
/* Grows whenever a job that waits, or a run that is to be pinned, has come: never 0. */
uint64_t store_sources_changes(const struct store *store);

/* ---- commits that runs keep ---- */
/* HOME/repos/SOURCE/commits/COMMIT: source and commit, in the arena. */
const char *source_folder(const char *home, const char *source, struct arena *arena);
const char *source_checkout(const char *home, const char *source, const char *commit, struct arena *arena);
bool source_of_checkout(const char *home, const char *folder, struct arena *arena, const char **ret_source,
                        const char **ret_commit);

struct source_run {
    const char *run_id, *source, *commit_id;
};
int store_source_run_add(struct store *store, const struct source_run *row, struct err *err);
/* Of a source, those that are not pinned. */
int store_source_runs_unpinned(struct store *store, const char *source, size_t limit, struct arena *arena,
                               struct source_run **ret, size_t *ret_count, struct err *err);
/* All, by source and commit. */
int store_source_runs(struct store *store, struct arena *arena, struct source_run **ret, size_t *ret_count,
                      struct err *err);
int store_source_run_pinned(struct store *store, const char *run_id, struct err *err);

#endif
