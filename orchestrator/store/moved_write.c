/* SPDX-License-Identifier: Apache-2.0
 * A record is written in the place of what there was of it: its parts go first.
 */
#include "store/moved.h"

#include "base/arena.h"
#include "store/guards.h"
#include "store/metrics_internal.h"
#include "store/run_marks.h"
#include "store/runs_internal.h"
#include "store/store_internal.h"

#include <stdio.h>
#include <string.h>

void store_moved_expect_many(struct store *store)
{
    store_expect_many_pages(store);
}

static const char *text(const char *given)
{
    return given == NULL ? "" : given;
}

/* `sql` names :id. */
static int delete_parts(struct store *store, const char *const *sql, size_t count, const char *id, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct stmt *s = stmt_get(store, sql[i]);
        stmt_text(s, ":id", id);
        if (stmt_run(s, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* `sql` names :id, :key and :value. */
static int put_pairs(struct store *store, const char *sql, const char *id, const struct moved_pairs *pairs,
                     struct err *err)
{
    for (size_t i = 0; i < pairs->count; i++) {
        struct stmt *s = stmt_get(store, sql);
        stmt_text(s, ":id", id);
        stmt_text(s, ":key", pairs->items[i].key);
        stmt_text(s, ":value", text(pairs->items[i].value));
        if (stmt_run_one(s, "writing a param or tag", err) < 0) {
            return -1;
        }
    }
    return 0;
}

static const char *find_pair(const struct pair *pairs, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(pairs[i].key, key) == 0 && text(pairs[i].value)[0] != '\0') {
            return pairs[i].value;
        }
    }
    return NULL;
}

/* ---- experiments ------------------------------------------------------------------------------------------------ */

int store_moved_put_experiment(struct store *store, const struct moved_experiment *experiment, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO experiments (id, name, artifact_location, created_ms, updated_ms, "
                                     "deleted_ms) VALUES (:id, :name, :location, :created, :updated, "
                                     "CASE WHEN :deleted THEN :updated END) ON CONFLICT (id) DO UPDATE SET "
                                     "name = excluded.name, artifact_location = excluded.artifact_location, "
                                     "created_ms = excluded.created_ms, updated_ms = excluded.updated_ms, "
                                     "deleted_ms = excluded.deleted_ms");
    stmt_int(s, ":id", experiment->id);
    stmt_text(s, ":name", experiment->name);
    stmt_text(s, ":location", text(experiment->artifact_location));
    stmt_int(s, ":created", experiment->created_ms);
    stmt_int(s, ":updated", experiment->updated_ms);
    stmt_int(s, ":deleted", experiment->deleted ? 1 : 0);
    if (stmt_run_one(s, "writing an experiment", err) < 0) {
        return -1;
    }
    static const char *const parts[] = {
        "DELETE FROM experiment_tags WHERE experiment_id = CAST(:id AS INTEGER)",
    };
    char id[24];
    (void)snprintf(id, sizeof id, "%lld", (long long)experiment->id);
    return delete_parts(store, parts, 1, id, err) < 0
               ? -1
               : put_pairs(store, "INSERT INTO experiment_tags (experiment_id, key, value) "
                                  "VALUES (CAST(:id AS INTEGER), :key, :value)",
                           id, &experiment->tags, err);
}

/* ---- runs ------------------------------------------------------------------------------------------------------- */

/* A run of a deleted experiment is deleted through it: its own mark would outlive a restored experiment. When a run was
 * deleted is not known of every store. */
static int put_run_row(struct store *store, const struct moved_run *run, struct err *err)
{
    const struct run_info *info = &run->info;
    struct stmt *s = stmt_get(
        store, "INSERT INTO runs (run_id, experiment_id, name, user, status, start_ms, end_ms, deleted_ms, "
               "artifact_uri, parent_run_id) VALUES (:run_id, :experiment, :name, :user, :status, :start, "
               "NULLIF(:end, 0), CASE WHEN :deleted AND (SELECT deleted_ms FROM experiments WHERE id = :experiment) "
               "IS NULL THEN COALESCE(NULLIF(:deleted_ms, 0), NULLIF(:end, 0), :start) END, :artifact_uri, :parent) "
               "ON CONFLICT (run_id) DO UPDATE SET experiment_id = excluded.experiment_id, name = excluded.name, "
               "user = excluded.user, status = excluded.status, start_ms = excluded.start_ms, "
               "end_ms = excluded.end_ms, deleted_ms = excluded.deleted_ms, artifact_uri = excluded.artifact_uri, "
               "parent_run_id = excluded.parent_run_id");
    stmt_text(s, ":run_id", info->run_id);
    stmt_int(s, ":experiment", info->experiment_id);
    stmt_text(s, ":name", text(info->name));
    stmt_text(s, ":user", text(info->user));
    stmt_text(s, ":status", run_status_name(info->status));
    stmt_int(s, ":start", info->start_ms);
    stmt_int(s, ":end", info->end_ms);
    stmt_int(s, ":deleted", info->deleted ? 1 : 0);
    stmt_int(s, ":deleted_ms", run->deleted_ms);
    stmt_text(s, ":artifact_uri", text(info->artifact_uri));
    stmt_text(s, ":parent", find_pair(run->tags.items, run->tags.count, "mlflow.parentRunId"));
    return stmt_run_one(s, "writing a run", err);
}

static int put_dataset(struct store *store, const struct moved_run *run, const struct dataset_input *input,
                       struct err *err)
{
    int64_t id = 0;
    if (run_dataset_put(store, run->info.experiment_id, &input->dataset, &id, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "INSERT INTO run_datasets (run_id, dataset, context) "
                                     "VALUES (:run_id, :dataset, :context) ON CONFLICT (run_id, dataset) DO NOTHING");
    stmt_text(s, ":run_id", run->info.run_id);
    stmt_int(s, ":dataset", id);
    stmt_text(s, ":context", find_pair(input->tags, input->tag_count, "mlflow.data.context"));
    if (stmt_run(s, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < input->tag_count; i++) {
        if (strcmp(input->tags[i].key, "mlflow.data.context") == 0) {
            continue;
        }
        s = stmt_get(store, "INSERT INTO run_dataset_tags (run_id, dataset, key, value) "
                            "VALUES (:run_id, :dataset, :key, :value) ON CONFLICT (run_id, dataset, key) DO NOTHING");
        stmt_text(s, ":run_id", run->info.run_id);
        stmt_int(s, ":dataset", id);
        stmt_text(s, ":key", input->tags[i].key);
        stmt_text(s, ":value", text(input->tags[i].value));
        if (stmt_run(s, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int put_links(struct store *store, const struct moved_run *run, struct err *err)
{
    const char *id = run->info.run_id;
    for (size_t i = 0; i < run->dataset_count; i++) {
        if (put_dataset(store, run, &run->datasets[i], err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < run->model_input_count; i++) {
        if (run_model_put(store, id, run->model_inputs[i], false, 0, err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < run->model_output_count; i++) {
        if (run_model_put(store, id, run->model_outputs[i].model_id, true, run->model_outputs[i].step, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int mark_pairs(struct store *store, const char *run_id, enum mark_kind kind, const struct moved_pairs *pairs,
                      struct err *err)
{
    for (size_t i = 0; i < pairs->count; i++) {
        const struct pair *pair = &pairs->items[i];
        if (run_mark_add(store, run_id, kind, pair->key, str_from(text(pair->value)), err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int put_values(struct store *store, const struct moved_run *run, struct err *err)
{
    const char *id = run->info.run_id;
    return put_pairs(store, "INSERT INTO run_params (run_id, key, value) VALUES (:id, :key, :value)", id,
                     &run->params, err) < 0 ||
                   put_pairs(store, "INSERT INTO run_tags (run_id, key, value) VALUES (:id, :key, :value)", id,
                             &run->tags, err) < 0 ||
                   mark_pairs(store, id, MARK_PARAM, &run->params, err) < 0 ||
                   mark_pairs(store, id, MARK_TAG, &run->tags, err) < 0
               ? -1
               : 0;
}

int store_moved_put_run(struct store *store, const struct moved_run *run, struct err *err)
{
    static const char *const parts[] = {
        "DELETE FROM run_params WHERE run_id = :id",       "DELETE FROM run_tags WHERE run_id = :id",
        "DELETE FROM run_dataset_tags WHERE run_id = :id", "DELETE FROM run_datasets WHERE run_id = :id",
        "DELETE FROM run_models WHERE run_id = :id",
    };
    const char *id = run->info.run_id;
    if (put_run_row(store, run, err) < 0 || run_marks_clear(store, id, err) < 0 ||
        delete_parts(store, parts, sizeof parts / sizeof parts[0], id, err) < 0 ||
        store_metrics_delete_run(store, id, err) < 0 || put_values(store, run, err) < 0) {
        return -1;
    }
    return put_links(store, run, err);
}

int store_moved_put_series(struct store *store, const char *run_id, struct moved_series *series, struct err *err)
{
    const struct metric_target target = {run_id, series->model_id, series->dataset_name, series->dataset_digest};
    int64_t run = 0;
    int64_t number = 0;
    if (series->points.count == 0) {
        return 0;
    }
    if (metric_run_number(store, run_id, &run, err) < 0 || metric_target_number(store, &target, &number, err) < 0) {
        return -1;
    }
    struct arena *scratch = arena_new();
    int result = metric_series_add(store, run, number, series->key, &series->points, scratch, err);
    arena_free(scratch);
    return result;
}

/* ---- logged models ---------------------------------------------------------------------------------------------- */

/* `there` finds something when the files of the model would become others: not while a guard stands there. */
static int check_files(struct store *store, struct stmt *there, const char *model_id, struct err *err)
{
    int row = stmt_step(there, err);
    stmt_done(there);
    return row <= 0 ? row : guard_require_files(store, model_id, err);
}

int store_moved_put_model(struct store *store, const struct moved_model *model, struct err *err)
{
    static const char *const parts[] = {
        "DELETE FROM logged_model_params WHERE model_id = :id",
        "DELETE FROM logged_model_tags WHERE model_id = :id",
    };
    const struct logged_model *info = &model->info;
    struct stmt *there = stmt_get(store, "SELECT 1 FROM logged_models WHERE model_id = :id AND artifact_uri <> :uri");
    stmt_text(there, ":id", info->model_id);
    stmt_text(there, ":uri", text(info->artifact_uri));
    if (check_files(store, there, info->model_id, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(
        store, "INSERT INTO logged_models (model_id, experiment_id, name, artifact_uri, source_run_id, model_type, "
               "status, status_message, sha256, size_bytes, created_ms, updated_ms, deleted_ms) VALUES (:id, "
               ":experiment, :name, :artifact_uri, :run_id, :type, :status, :message, :sha256, :size, :created, "
               ":updated, CASE WHEN :deleted THEN :updated END) ON CONFLICT (model_id) DO UPDATE SET "
               "experiment_id = excluded.experiment_id, name = excluded.name, artifact_uri = excluded.artifact_uri, "
               "source_run_id = excluded.source_run_id, model_type = excluded.model_type, status = excluded.status, "
               "status_message = excluded.status_message, sha256 = excluded.sha256, size_bytes = excluded.size_bytes, "
               "created_ms = excluded.created_ms, updated_ms = excluded.updated_ms, deleted_ms = excluded.deleted_ms, "
               "maker = NULL");
    stmt_text(s, ":id", info->model_id);
    stmt_int(s, ":experiment", info->experiment_id);
    stmt_text(s, ":name", text(info->name));
    stmt_text(s, ":artifact_uri", text(info->artifact_uri));
    stmt_text(s, ":run_id", info->source_run_id);
    stmt_text(s, ":type", text(info->model_type));
    stmt_int(s, ":status", info->status);
    stmt_text(s, ":message", text(info->status_message));
    stmt_text(s, ":sha256", text(info->sha256));
    stmt_int(s, ":size", info->size_bytes);
    stmt_int(s, ":created", info->created_ms);
    stmt_int(s, ":updated", info->updated_ms);
    stmt_int(s, ":deleted", info->deleted ? 1 : 0);
    if (stmt_run_one(s, "writing a logged model", err) < 0 ||
        delete_parts(store, parts, sizeof parts / sizeof parts[0], info->model_id, err) < 0 ||
        put_pairs(store, "INSERT INTO logged_model_params (model_id, key, value) VALUES (:id, :key, :value)",
                  info->model_id, &model->params, err) < 0) {
        return -1;
    }
    return put_pairs(store, "INSERT INTO logged_model_tags (model_id, key, value) VALUES (:id, :key, :value)",
                     info->model_id, &model->tags, err);
}

/* ---- traces ----------------------------------------------------------------------------------------------------- */

int store_moved_put_trace(struct store *store, const struct moved_trace *trace, struct err *err)
{
    static const char *const parts[] = {
        "DELETE FROM trace_tags WHERE request_id = :id",
        "DELETE FROM trace_metadata WHERE request_id = :id",
    };
    const struct trace *info = &trace->info;
    struct stmt *s = stmt_get(store, "INSERT INTO traces (request_id, experiment_id, start_ms, duration_ms, status, "
                                     "artifact_uri) VALUES (:id, :experiment, :start, :duration, :status, :uri) "
                                     "ON CONFLICT (request_id) DO UPDATE SET experiment_id = excluded.experiment_id, "
                                     "start_ms = excluded.start_ms, duration_ms = excluded.duration_ms, "
                                     "status = excluded.status, artifact_uri = excluded.artifact_uri");
    stmt_text(s, ":id", info->request_id);
    stmt_int(s, ":experiment", info->experiment_id);
    stmt_int(s, ":start", info->start_ms);
    if (info->status == TRACE_IN_PROGRESS) {
        stmt_null(s, ":duration");
    } else {
        stmt_int(s, ":duration", info->duration_ms);
    }
    stmt_text(s, ":status", trace_status_names[info->status]);
    stmt_text(s, ":uri", text(info->artifact_uri));
    if (stmt_run_one(s, "writing a trace", err) < 0 ||
        delete_parts(store, parts, sizeof parts / sizeof parts[0], info->request_id, err) < 0 ||
        put_pairs(store, "INSERT INTO trace_metadata (request_id, key, value) VALUES (:id, :key, :value)",
                  info->request_id, &trace->metadata, err) < 0) {
        return -1;
    }
    return put_pairs(store, "INSERT INTO trace_tags (request_id, key, value) VALUES (:id, :key, :value)",
                     info->request_id, &trace->tags, err);
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

int store_moved_put_uri(struct store *store, enum moved_kind kind, const char *id, const char *uri, struct err *err)
{
    const char *sql = kind == MOVED_RUN     ? "UPDATE runs SET artifact_uri = :uri WHERE run_id = :id"
                      : kind == MOVED_MODEL ? "UPDATE logged_models SET artifact_uri = :uri WHERE model_id = :id"
                                            : "UPDATE traces SET artifact_uri = :uri WHERE request_id = :id";
    struct stmt *s = stmt_get(store, sql);
    stmt_text(s, ":uri", uri);
    stmt_text(s, ":id", id);
    return stmt_run_one(s, "recording where files are", err);
}

int store_moved_put_file(struct store *store, const char *owner, const struct artifact *file, struct err *err)
{
    struct stmt *there =
        stmt_get(store, "SELECT 1 FROM logged_models m LEFT JOIN artifacts a ON a.owner = m.model_id "
                        "AND a.path = :path WHERE m.model_id = :owner AND a.sha256 IS NOT :sha256");
    stmt_text(there, ":path", file->path);
    stmt_text(there, ":owner", owner);
    stmt_text(there, ":sha256", file->sha256);
    if (check_files(store, there, owner, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "INSERT INTO artifacts (owner, path, sha256, size_bytes) "
                                     "VALUES (:owner, :path, :sha256, :size) ON CONFLICT (owner, path) "
                                     "DO UPDATE SET sha256 = excluded.sha256, size_bytes = excluded.size_bytes");
    stmt_text(s, ":owner", owner);
    stmt_text(s, ":path", file->path);
    stmt_text(s, ":sha256", file->sha256);
    stmt_int(s, ":size", file->size_bytes);
    return stmt_run_one(s, "recording a file", err);
}

int store_moved_files(struct store *store, const char *owner, int64_t *ret_count, int64_t *ret_bytes, struct err *err)
{
    struct stmt *s =
        stmt_get(store, "SELECT COUNT(*), COALESCE(SUM(size_bytes), 0) FROM artifacts WHERE owner = :owner");
    stmt_text(s, ":owner", owner);
    int row = stmt_step(s, err);
    *ret_count = row == 1 ? stmt_column_int(s, 0) : 0;
    *ret_bytes = row == 1 ? stmt_column_int(s, 1) : 0;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}
