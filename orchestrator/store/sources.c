/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sources.h"

#include "base/path.h"
#include "store/stmt.h"
#include "store/store_internal.h"

#include <string.h>

/* ---- sources ---------------------------------------------------------------------------------------------------- */

#define COLUMNS                                                                                                        \
    "name, url, branch, path, page, every_ms, at_branch, seen, about, in_force, since_ms, problems, error, failures, " \
    "failing_ms, fetched_ms, tried_ms "

int store_source_put(struct store *store, const struct source_row *row, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT OR REPLACE INTO sources (" COLUMNS ") VALUES (:name, :url, :branch, "
                                     ":path, :page, :every, :at_branch, :seen, :about, :in_force, :since, :problems, "
                                     ":error, :failures, :failing, :fetched, :tried)");
    stmt_text(s, ":name", row->name);
    stmt_text(s, ":url", row->url);
    stmt_text(s, ":branch", row->branch);
    stmt_text(s, ":path", row->path);
    stmt_text(s, ":page", row->page);
    stmt_int(s, ":every", row->every_ms);
    stmt_text(s, ":at_branch", row->at_branch);
    stmt_text(s, ":seen", row->seen);
    stmt_text(s, ":about", row->about);
    stmt_text(s, ":in_force", row->in_force);
    stmt_int(s, ":since", row->since_ms);
    stmt_text(s, ":problems", row->problems);
    stmt_text(s, ":error", row->error);
    stmt_int(s, ":failures", row->failures);
    stmt_int(s, ":failing", row->failing_ms);
    stmt_int(s, ":fetched", row->fetched_ms);
    stmt_int(s, ":tried", row->tried_ms);
    return stmt_run_one(s, "recording a source", err);
}

static void read_source(struct stmt *s, struct arena *arena, void *item)
{
    *(struct source_row *)item = (struct source_row){
        .name = stmt_column_text(s, 0, arena),
        .url = stmt_column_text(s, 1, arena),
        .branch = stmt_column_text(s, 2, arena),
        .path = stmt_column_text(s, 3, arena),
        .page = stmt_column_text(s, 4, arena),
        .every_ms = stmt_column_int(s, 5),
        .at_branch = stmt_column_text(s, 6, arena),
        .seen = stmt_column_text(s, 7, arena),
        .about = stmt_column_text(s, 8, arena),
        .in_force = stmt_column_text(s, 9, arena),
        .since_ms = stmt_column_int(s, 10),
        .problems = stmt_column_text(s, 11, arena),
        .error = stmt_column_text(s, 12, arena),
        .failures = stmt_column_int(s, 13),
        .failing_ms = stmt_column_int(s, 14),
        .fetched_ms = stmt_column_int(s, 15),
        .tried_ms = stmt_column_int(s, 16),
    };
}

int store_source_find(struct store *store, const char *name, struct arena *arena, struct source_row *ret,
                      struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " COLUMNS "FROM sources WHERE name = :name");
    stmt_text(s, ":name", name);
    return stmt_read_row(s, read_source, arena, ret, err);
}

int store_source_list(struct store *store, struct arena *arena, struct source_row **ret, size_t *ret_count,
                      struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " COLUMNS "FROM sources ORDER BY name");
    return stmt_read_rows(s, read_source, sizeof **ret, arena, ret, ret_count, err);
}

int store_source_remove(struct store *store, const char *name, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM sources WHERE name = :name");
    stmt_text(s, ":name", name);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

/* ---- jobs ------------------------------------------------------------------------------------------------------- */

#define JOB_COLUMNS "id, source, why, actor, state, words, commit_id, created_ms, started_ms, ended_ms "

uint64_t store_sources_changes(const struct store *store)
{
    return store->source_changes + 1;
}

static void bind_job(struct stmt *s, const struct job_row *row)
{
    stmt_text(s, ":state", row->state);
    stmt_text(s, ":words", row->words);
    stmt_text(s, ":commit", row->commit_id);
    stmt_int(s, ":started", row->started_ms);
    stmt_int(s, ":ended", row->ended_ms);
}

int store_job_insert(struct store *store, struct job_row *row, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO jobs (source, why, actor, state, words, commit_id, created_ms, "
                                     "started_ms, ended_ms) VALUES (:source, :why, :actor, :state, :words, "
                                     ":commit, :created, :started, :ended)");
    stmt_text(s, ":source", row->source);
    stmt_text(s, ":why", row->why);
    stmt_text(s, ":actor", row->actor);
    stmt_int(s, ":created", row->created_ms);
    bind_job(s, row);
    if (stmt_run_one(s, "recording a job", err) < 0) {
        return -1;
    }
    row->id = stmt_last_id(store);
    store->source_changes += strcmp(row->state, "waiting") == 0 ? 1 : 0;
    struct stmt *old = stmt_get(store, "DELETE FROM jobs WHERE id <= :id AND state NOT IN ('waiting', 'running')");
    stmt_int(old, ":id", row->id - JOBS_KEPT);
    return stmt_run(old, err) < 0 ? -1 : 0;
}

int store_job_want(struct store *store, struct job_row *row, struct arena *arena, struct err *err)
{
    struct job_row *jobs = NULL;
    size_t count = 0;
    if (store_jobs_waiting(store, arena, &jobs, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        bool same = strcmp(jobs[i].why, row->why) == 0 || strcmp(jobs[i].why, "sync") == 0;
        if (same && strcmp(jobs[i].source, row->source) == 0) {
            *row = jobs[i];
            return 0;
        }
    }
    row->state = "waiting";
    row->words = row->commit_id = "";
    row->started_ms = row->ended_ms = 0;
    return store_job_insert(store, row, err);
}

int store_job_update(struct store *store, const struct job_row *row, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE jobs SET state = :state, words = :words, commit_id = :commit, "
                                     "started_ms = :started, ended_ms = :ended WHERE id = :id");
    stmt_int(s, ":id", row->id);
    bind_job(s, row);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

static void read_job(struct stmt *s, struct arena *arena, void *item)
{
    *(struct job_row *)item = (struct job_row){
        .id = stmt_column_int(s, 0),
        .source = stmt_column_text(s, 1, arena),
        .why = stmt_column_text(s, 2, arena),
        .actor = stmt_column_text(s, 3, arena),
        .state = stmt_column_text(s, 4, arena),
        .words = stmt_column_text(s, 5, arena),
        .commit_id = stmt_column_text(s, 6, arena),
        .created_ms = stmt_column_int(s, 7),
        .started_ms = stmt_column_int(s, 8),
        .ended_ms = stmt_column_int(s, 9),
    };
}

int store_job_find(struct store *store, int64_t id, struct arena *arena, struct job_row *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " JOB_COLUMNS "FROM jobs WHERE id = :id");
    stmt_int(s, ":id", id);
    return stmt_read_row(s, read_job, arena, ret, err);
}

int store_job_list(struct store *store, const char *source, size_t limit, struct arena *arena, struct job_row **ret,
                   size_t *ret_count, struct err *err)
{
    struct stmt *s = source == NULL
                         ? stmt_get(store, "SELECT " JOB_COLUMNS "FROM jobs ORDER BY id DESC LIMIT :limit")
                         : stmt_get(store, "SELECT " JOB_COLUMNS "FROM jobs WHERE source = :source ORDER BY id DESC "
                                           "LIMIT :limit");
    if (source != NULL) {
        stmt_text(s, ":source", source);
    }
    stmt_int(s, ":limit", (int64_t)limit);
    return stmt_read_rows(s, read_job, sizeof **ret, arena, ret, ret_count, err);
}

int store_jobs_waiting(struct store *store, struct arena *arena, struct job_row **ret, size_t *ret_count,
                       struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " JOB_COLUMNS "FROM jobs WHERE state = 'waiting' ORDER BY id");
    return stmt_read_rows(s, read_job, sizeof **ret, arena, ret, ret_count, err);
}

int store_jobs_lost(struct store *store, int64_t now_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE jobs SET state = 'lost', ended_ms = :now, words = 'sluice ended before "
                                     "it' WHERE state = 'running'");
    stmt_int(s, ":now", now_ms);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

/* ---- commits that runs keep ------------------------------------------------------------------------------------- */

const char *source_folder(const char *home, const char *source, struct arena *arena)
{
    return arena_printf(arena, "%s/repos/%s", home, source);
}

const char *source_checkout(const char *home, const char *source, const char *commit, struct arena *arena)
{
    return arena_printf(arena, "%s/repos/%s/commits/%s", home, source, commit);
}

bool source_of_checkout(const char *home, const char *folder, struct arena *arena, const char **ret_source,
                        const char **ret_commit)
{
    struct str rest = str_from(folder);
    const char *repos = arena_printf(arena, "%s/repos/", home);
    struct str middle = STR("/commits/");
    if (!str_starts(rest, str_from(repos))) {
        return false;
    }
    rest = str_slice(rest, strlen(repos), rest.n);
    ptrdiff_t at = str_find(rest, middle);
    struct str commit = at < 0 ? (struct str){0} : str_slice(rest, (size_t)at + middle.n, rest.n);
    if (at <= 0 || commit.n != 40 || strspn(commit.p, "0123456789abcdef") != 40) {
        return false;
    }
    *ret_source = arena_str(arena, str_slice(rest, 0, (size_t)at)).p;
    *ret_commit = arena_str(arena, commit).p;
    return true;
}

int store_source_run_add(struct store *store, const struct source_run *row, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO source_runs (run_id, source, commit_id, pinned) VALUES (:run, "
                                     ":source, :commit, 0)");
    stmt_text(s, ":run", row->run_id);
    stmt_text(s, ":source", row->source);
    stmt_text(s, ":commit", row->commit_id);
    store->source_changes++;
    return stmt_run_one(s, "recording a run of a commit", err);
}

static void read_source_run(struct stmt *s, struct arena *arena, void *item)
{
    *(struct source_run *)item = (struct source_run){
        .run_id = stmt_column_text(s, 0, arena),
        .source = stmt_column_text(s, 1, arena),
        .commit_id = stmt_column_text(s, 2, arena),
    };
}

int store_source_runs_unpinned(struct store *store, const char *source, size_t limit, struct arena *arena,
                               struct source_run **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT run_id, source, commit_id FROM source_runs WHERE source = :source AND "
                                     "pinned = 0 LIMIT :limit");
    stmt_text(s, ":source", source);
    stmt_int(s, ":limit", (int64_t)limit);
    return stmt_read_rows(s, read_source_run, sizeof **ret, arena, ret, ret_count, err);
}

int store_source_runs(struct store *store, struct arena *arena, struct source_run **ret, size_t *ret_count,
                      struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT run_id, source, commit_id FROM source_runs ORDER BY source, commit_id");
    return stmt_read_rows(s, read_source_run, sizeof **ret, arena, ret, ret_count, err);
}

int store_source_run_pinned(struct store *store, const char *run_id, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE source_runs SET pinned = 1 WHERE run_id = :run");
    stmt_text(s, ":run", run_id);
    return stmt_run(s, err) < 0 ? -1 : 0;
}
