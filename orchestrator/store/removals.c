/* SPDX-License-Identifier: Apache-2.0 */
#include "store/removals.h"

#include "store/metrics.h"
#include "store/run_marks.h"
#include "store/stmt.h"
#include "store/store_internal.h"

/* ---- files that have to go -------------------------------------------------------------------------------------- */

int store_removal_put(struct store *store, const struct removal *removal, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO removals (path, of, begun_ms) VALUES (:path, :of, :begun_ms) "
                                     "ON CONFLICT (path) DO UPDATE SET of = excluded.of");
    stmt_text(s, ":path", removal->path);
    stmt_text(s, ":of", removal->of);
    stmt_int(s, ":begun_ms", removal->begun_ms);
    return stmt_run_one(s, "recording a removal", err);
}

static void read_removal(struct stmt *s, struct arena *arena, void *item)
{
    *(struct removal *)item = (struct removal){
        .path = stmt_column_text(s, 0, arena),
        .of = stmt_column_text(s, 1, arena),
        .begun_ms = stmt_column_int(s, 2),
    };
}

int store_removal_list(struct store *store, struct arena *arena, struct removal **ret, size_t *ret_count,
                       struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT path, of, begun_ms FROM removals ORDER BY path");
    return stmt_read_rows(s, read_removal, sizeof **ret, arena, ret, ret_count, err);
}

int store_removal_move(struct store *store, const char *path, const char *to, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE removals SET path = :to WHERE path = :id");
    stmt_text(s, ":to", to);
    stmt_text(s, ":id", path);
    return stmt_run_one(s, "moving a removal", err);
}

int store_removal_done(struct store *store, const char *path, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM removals WHERE path = :id");
    stmt_text(s, ":id", path);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

/* By which a run is seen and used; what is kept of it cannot be given to another any more. */
static const char *const pipeline_run_heads[] = {
    ("INSERT INTO leaving_runs SELECT run_id, parent_run, pipeline, number, revision, created_ms, ended_ms, :now "
     "FROM pipeline_runs WHERE run_id = :id"),
    "DELETE FROM cache_entries WHERE run_id = :id",
    "DELETE FROM source_runs WHERE run_id = :id",
    "DELETE FROM pipeline_runs WHERE run_id = :id",
};
/* What refers to a row goes before it. Some at a time, so that a run of many steps is not one long piece. */
static const char *const pipeline_run_rows[] = {
    ("DELETE FROM attempt_calls WHERE (attempt, seq) IN (SELECT c.attempt, c.seq FROM attempts AS a JOIN attempt_calls "
     "AS c ON c.attempt = a.id WHERE a.run_id = :id LIMIT :most)"),
    ("DELETE FROM votes WHERE (wait, actor) IN (SELECT v.wait, v.actor FROM waits AS w JOIN votes AS v "
     "ON v.wait = w.id WHERE w.run_id = :id LIMIT :most)"),
    "DELETE FROM waits WHERE id IN (SELECT id FROM waits WHERE run_id = :id LIMIT :most)",
    "DELETE FROM gates WHERE id IN (SELECT id FROM gates WHERE run_id = :id LIMIT :most)",
    ("DELETE FROM step_keys WHERE (run_id, position, item) IN (SELECT run_id, position, item FROM step_keys "
     "WHERE run_id = :id LIMIT :most)"),
    "DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE run_id = :id LIMIT :most)",
    ("DELETE FROM steps WHERE (run_id, position, item) IN (SELECT run_id, position, item FROM steps "
     "WHERE run_id = :id LIMIT :most)"),
    "DELETE FROM leaving_runs WHERE run_id = :id AND :most > 0",
};
static const char *const file_rows[] = {
    "DELETE FROM artifacts WHERE owner = :id",
    "DELETE FROM published WHERE owner = :id",
};
static const char *const run_rows[] = {
    "DELETE FROM run_models WHERE run_id = :id",
    "DELETE FROM run_dataset_tags WHERE run_id = :id",
    "DELETE FROM run_datasets WHERE run_id = :id",
    "DELETE FROM run_tags WHERE run_id = :id",
    "DELETE FROM run_params WHERE run_id = :id",
    "DELETE FROM runs WHERE run_id = :id",
};
static const char *const model_rows[] = {
    "DELETE FROM run_models WHERE model_id = :id",
    "DELETE FROM logged_model_tags WHERE model_id = :id",
    "DELETE FROM logged_model_params WHERE model_id = :id",
    "DELETE FROM logged_models WHERE model_id = :id",
};
static const char *const experiment_rows[] = {
    "DELETE FROM trace_tags WHERE request_id IN (SELECT request_id FROM traces WHERE experiment_id = :id)",
    "DELETE FROM trace_metadata WHERE request_id IN (SELECT request_id FROM traces WHERE experiment_id = :id)",
    "DELETE FROM traces WHERE experiment_id = :id",
    "DELETE FROM datasets WHERE experiment_id = :id",
    "DELETE FROM evaluation_dataset_experiments WHERE experiment_id = :id",
    "DELETE FROM experiment_tags WHERE experiment_id = :id",
    "DELETE FROM experiments WHERE id = :id",
};

#define COUNT_OF(list) (sizeof(list) / sizeof(list)[0])

static int run_each(struct store *store, const char *const *statements, size_t count, const char *id, struct err *err)
{
    int64_t result = 0;
    for (size_t i = 0; i < count && result >= 0; i++) {
        struct stmt *s = stmt_get(store, statements[i]);
        stmt_text(s, ":id", id);
        result = stmt_run(s, err);
    }
    return result < 0 ? err_add(err, "removing '%s'", id) : 0;
}

int store_remove_pipeline_run_head(struct store *store, const char *run_id, int64_t now_ms, struct err *err)
{
    int64_t result = 0;
    for (size_t i = 0; i < COUNT_OF(pipeline_run_heads) && result >= 0; i++) {
        struct stmt *s = stmt_get(store, pipeline_run_heads[i]);
        stmt_text(s, ":id", run_id);
        if (i == 0) {
            stmt_int(s, ":now", now_ms);
        }
        result = stmt_run(s, err);
    }
    return result < 0 ? err_add(err, "removing '%s'", run_id) : 0;
}

int store_is_leaving(struct store *store, const char *run_id, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT 1 FROM leaving_runs WHERE run_id = :id");
    stmt_text(s, ":id", run_id);
    int row = stmt_step(s, err);
    stmt_done(s);
    return row;
}

int store_remove_pipeline_run_rows(struct store *store, const char *run_id, int64_t most, bool *ret_more,
                                   struct err *err)
{
    *ret_more = true;
    for (size_t i = 0; i < COUNT_OF(pipeline_run_rows) && most > 0; i++) {
        struct stmt *s = stmt_get(store, pipeline_run_rows[i]);
        stmt_text(s, ":id", run_id);
        stmt_int(s, ":most", most);
        int64_t gone = stmt_run(s, err);
        if (gone < 0) {
            return err_add(err, "removing '%s'", run_id);
        }
        most -= gone;
        *ret_more = i + 1 < COUNT_OF(pipeline_run_rows);
    }
    return 0;
}

int store_remove_run(struct store *store, const char *run_id, struct err *err)
{
    return run_each(store, file_rows, COUNT_OF(file_rows), run_id, err) < 0 ||
                   run_marks_clear(store, run_id, err) < 0 || store_metrics_delete_run(store, run_id, err) < 0
               ? -1
               : run_each(store, run_rows, COUNT_OF(run_rows), run_id, err);
}

int store_remove_model(struct store *store, const char *model_id, struct err *err)
{
    return run_each(store, file_rows, COUNT_OF(file_rows), model_id, err) < 0
               ? -1
               : run_each(store, model_rows, COUNT_OF(model_rows), model_id, err);
}

int store_remove_experiment(struct store *store, const char *id, struct err *err)
{
    store->known.has_experiment = false;
    return run_each(store, experiment_rows, COUNT_OF(experiment_rows), id, err);
}

int store_remove_files_of(struct store *store, const char *owner, int64_t now_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE logged_models SET deleted_ms = :now WHERE model_id = :id AND deleted_ms "
                                     "IS NULL");
    stmt_text(s, ":id", owner);
    stmt_int(s, ":now", now_ms);
    return stmt_run(s, err) < 0 ? -1 : run_each(store, file_rows, COUNT_OF(file_rows), owner, err);
}

int store_remove_cache_entry(struct store *store, const char *key, struct err *err)
{
    static const char *const rows[] = {"DELETE FROM cache_entries WHERE key = :id"};
    return run_each(store, rows, 1, key, err);
}

int store_remove_file_digest(struct store *store, const char *path, struct err *err)
{
    static const char *const rows[] = {"DELETE FROM file_digests WHERE path = :id"};
    return run_each(store, rows, 1, path, err);
}

/* ---- rows that nothing refers to -------------------------------------------------------------------------------- */

const char *const store_loose_names[STORE_LOOSE_KINDS] = {
    "definitions without a run",
    "datasets that no run used",
    "keys of steps that are no more",
    "answers to attempts that are no more",
};

#define LOOSE_DEFINITIONS                                                                                              \
    " FROM definitions WHERE digest NOT IN (SELECT definition FROM pipeline_runs) "                                    \
    "AND digest NOT IN (SELECT definition FROM pipelines_in_force) "                                                   \
    "AND digest NOT IN (SELECT definition FROM coming_pipelines)"
#define LOOSE_DATASETS " FROM datasets WHERE id NOT IN (SELECT dataset FROM run_datasets)"
#define LOOSE_KEYS " FROM step_keys WHERE run_id NOT IN (SELECT run_id FROM pipeline_runs)"
#define LOOSE_CALLS " FROM attempt_calls WHERE attempt NOT IN (SELECT id FROM attempts)"

static const char *const loose_counts[STORE_LOOSE_KINDS] = {
    "SELECT count(*)" LOOSE_DEFINITIONS,
    "SELECT count(*)" LOOSE_DATASETS,
    "SELECT count(*)" LOOSE_KEYS,
    "SELECT count(*)" LOOSE_CALLS,
};
static const char *const loose_removals[STORE_LOOSE_KINDS] = {
    "DELETE" LOOSE_DEFINITIONS,
    "DELETE" LOOSE_DATASETS,
    "DELETE" LOOSE_KEYS,
    "DELETE" LOOSE_CALLS,
};

int store_loose_rows(struct store *store, bool remove, int64_t ret_counts[STORE_LOOSE_KINDS], struct err *err)
{
    for (size_t i = 0; i < STORE_LOOSE_KINDS; i++) {
        struct stmt *s = stmt_get(store, remove ? loose_removals[i] : loose_counts[i]);
        if (remove) {
            ret_counts[i] = stmt_run(s, err);
        } else {
            ret_counts[i] = stmt_step(s, err) == 1 ? stmt_column_int(s, 0) : -1;
            stmt_done(s);
        }
        if (ret_counts[i] < 0) {
            return err_add(err, "%s", store_loose_names[i]);
        }
    }
    return 0;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

static int pragma(struct store *store, const char *sql, int64_t *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, sql);
    int row = stmt_step(s, err);
    *ret = row == 1 ? stmt_column_int(s, 0) : 0;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

int store_space(struct store *store, int64_t *ret_bytes, int64_t *ret_free_bytes, struct err *err)
{
    int64_t page = 0;
    int64_t pages = 0;
    int64_t unused = 0;
    if (pragma(store, "PRAGMA page_size", &page, err) < 0 || pragma(store, "PRAGMA page_count", &pages, err) < 0 ||
        pragma(store, "PRAGMA freelist_count", &unused, err) < 0) {
        return -1;
    }
    *ret_bytes = page * pages;
    *ret_free_bytes = page * unused;
    return 0;
}

int store_compact(struct store *store, struct err *err)
{
    int64_t busy = 0;
    return stmt_run(stmt_get(store, "VACUUM"), err) < 0 ? err_add(err, "compacting the store")
                                                        : pragma(store, "PRAGMA wal_checkpoint(TRUNCATE)", &busy, err);
}
