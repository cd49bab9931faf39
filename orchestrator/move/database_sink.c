/* SPDX-License-Identifier: Apache-2.0
 * MLflow's database, written: one transaction after the other into a file beside its place.
 */
#include "base/fs.h"
#include "base/path.h"
#include "digest/digest.h"
#include "move/mlflow_schema.h"
#include "move/sink.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS_AT_ONCE = 200000, STATEMENTS_MAX = 40 };

struct database_sink {
    struct move_sink base;
    sqlite3 *db;
    const char *path; /* where it is going to be */
    const char *part; /* what it is called until it is whole */
    struct {
        const char *sql; /* by its address */
        sqlite3_stmt *statement;
    } statements[STATEMENTS_MAX];
    int64_t rows;
};

static struct database_sink *of(struct move_sink *sink)
{
    return (struct database_sink *)sink;
}

static int fail(const struct database_sink *sink, int code, struct err *err)
{
    bool full = (code & 0xff) == SQLITE_FULL;
    return err_set(err, full ? ERR_LIMIT : ERR_IO, "writing '%s': %s", sink->part,
                   full ? "the disk is full" : sqlite3_errmsg(sink->db));
}

static int exec(const struct database_sink *sink, const char *sql, struct err *err)
{
    int code = sqlite3_exec(sink->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : fail(sink, code, err);
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static int prepare(struct database_sink *sink, const char *sql, sqlite3_stmt **ret, struct err *err)
{
    size_t slot = 0;
    while (sink->statements[slot].sql != NULL && sink->statements[slot].sql != sql) {
        slot++;
    }
    int code = sink->statements[slot].sql == sql
                   ? SQLITE_OK
                   : sqlite3_prepare_v2(sink->db, sql, -1, &sink->statements[slot].statement, NULL);
    if (code != SQLITE_OK) {
        return fail(sink, code, err);
    }
    sink->statements[slot].sql = sql;
    *ret = sink->statements[slot].statement;
    return 0;
}

static int bind(sqlite3_stmt *s, int place, char kind, va_list *args)
{
    if (kind == 't' || kind == 'n') {
        const char *text = va_arg(*args, const char *);
        bool none = kind == 'n' && (text == NULL || *text == '\0');
        return none ? sqlite3_bind_null(s, place)
                    : sqlite3_bind_text(s, place, text == NULL ? "" : text, -1, SQLITE_STATIC);
    }
    if (kind == 'r') {
        return sqlite3_bind_double(s, place, va_arg(*args, double));
    }
    int64_t number = va_arg(*args, int64_t);
    return kind == 'z' && number == 0 ? sqlite3_bind_null(s, place) : sqlite3_bind_int64(s, place, number);
}

/* `format` has a letter for each parameter: t text ("" for NULL), n text or NULL (also for ""), i int64, z int64 or
 * NULL for 0, r double. Returns the rows changed, or -1. */
static int put(struct database_sink *sink, struct err *err, const char *sql, const char *format, ...)
{
    sqlite3_stmt *s = NULL;
    va_list args;
    if (prepare(sink, sql, &s, err) < 0) {
        return -1;
    }
    int code = SQLITE_OK;
    va_start(args, format);
    for (int i = 0; code == SQLITE_OK && format[i] != '\0'; i++) {
        code = bind(s, i + 1, format[i], &args);
    }
    va_end(args);
    code = code == SQLITE_OK ? sqlite3_step(s) : code;
    int changed = code == SQLITE_DONE ? sqlite3_changes(sink->db) : fail(sink, code, err);
    (void)sqlite3_reset(s);
    if (changed >= 0 && ++sink->rows >= ROWS_AT_ONCE) {
        sink->rows = 0;
        return exec(sink, "COMMIT; BEGIN", err) < 0 ? -1 : changed;
    }
    return changed;
}

/* `sql` takes key, value and owner. */
static int put_pairs(struct database_sink *sink, const char *sql, const struct moved_pairs *pairs, const char *owner,
                     struct err *err)
{
    for (size_t i = 0; i < pairs->count; i++) {
        if (put(sink, err, sql, "ttt", pairs->items[i].key, pairs->items[i].value, owner) < 0) {
            return -1;
        }
    }
    return 0;
}

static const char *stage(bool deleted)
{
    return deleted ? "deleted" : "active";
}

/* 32 hex digits that stand for the parts: MLflow's are random. */
static void make_uuid(char room[33], const char *a, const char *b, const char *c)
{
    struct digest_builder *builder = digest_builder_new();
    digest_builder_add(builder, str_from(a));
    digest_builder_add(builder, str_from(b));
    digest_builder_add(builder, str_from(c));
    struct digest digest = digest_builder_take(builder);
    memcpy(room, digest.hex, 32);
    room[32] = '\0';
}

static void dataset_uuid(char room[33], int64_t experiment, const char *name, const char *digest)
{
    char id[24];
    (void)snprintf(id, sizeof id, "%lld", (long long)experiment);
    make_uuid(room, id, name, digest);
}

/* ---- experiments and models ------------------------------------------------------------------------------------- */

static int experiment(struct move_sink *base, const struct moved_experiment *experiment, struct err *err)
{
    char id[24];
    (void)snprintf(id, sizeof id, "%lld", (long long)experiment->id);
    if (put(of(base), err, "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, "
                           "creation_time, last_update_time) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            "itttii", experiment->id, experiment->name, experiment->artifact_location, stage(experiment->deleted),
            experiment->created_ms, experiment->updated_ms) < 0) {
        return -1;
    }
    return put_pairs(of(base), "INSERT INTO experiment_tags (key, value, experiment_id) "
                               "VALUES (?1, ?2, CAST(?3 AS INTEGER))",
                     &experiment->tags, id, err);
}

static int model(struct move_sink *base, const struct moved_model *model, struct err *err)
{
    static const char params[] = "INSERT INTO logged_model_params (param_key, param_value, model_id, experiment_id) "
                                 "SELECT ?1, ?2, model_id, experiment_id FROM logged_models WHERE model_id = ?3";
    static const char tags[] = "INSERT INTO logged_model_tags (tag_key, tag_value, model_id, experiment_id) "
                               "SELECT ?1, ?2, model_id, experiment_id FROM logged_models WHERE model_id = ?3";
    const struct logged_model *info = &model->info;
    if (put(of(base), err, "INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, "
                           "creation_timestamp_ms, last_updated_timestamp_ms, status, lifecycle_stage, model_type, "
                           "source_run_id, status_message) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            "tittiiitnnn", info->model_id, info->experiment_id, info->name, info->artifact_uri, info->created_ms,
            info->updated_ms, (int64_t)info->status, stage(info->deleted), info->model_type, info->source_run_id,
            info->status_message) < 0) {
        return -1;
    }
    return put_pairs(of(base), params, &model->params, info->model_id, err) < 0
               ? -1
               : put_pairs(of(base), tags, &model->tags, info->model_id, err);
}

/* ---- runs ------------------------------------------------------------------------------------------------------- */

static int put_dataset(struct database_sink *sink, const struct moved_run *run, const struct dataset_input *input,
                       struct err *err)
{
    const struct dataset_use *use = &input->dataset;
    char dataset[33];
    char link[33];
    dataset_uuid(dataset, run->info.experiment_id, use->name, use->digest);
    make_uuid(link, "input", dataset, run->info.run_id);
    if (put(sink, err, "INSERT OR IGNORE INTO datasets (dataset_uuid, experiment_id, name, digest, "
                       "dataset_source_type, dataset_source, dataset_schema, dataset_profile) VALUES (?1, ?2, ?3, ?4, "
                       "?5, ?6, ?7, ?8)",
            "tittttnn", dataset, run->info.experiment_id, use->name, use->digest, use->source_type, use->source,
            use->schema, use->profile) < 0 ||
        put(sink, err, "INSERT OR IGNORE INTO inputs (input_uuid, source_type, source_id, destination_type, "
                       "destination_id) VALUES (?1, 'DATASET', ?2, 'RUN', ?3)",
            "ttt", link, dataset, run->info.run_id) < 0) {
        return -1;
    }
    for (size_t i = 0; i < input->tag_count; i++) {
        if (put(sink, err, "INSERT OR IGNORE INTO input_tags (input_uuid, name, value) VALUES (?1, ?2, ?3)", "ttt",
                link, input->tags[i].key, input->tags[i].value) < 0) {
            return -1;
        }
    }
    return 0;
}

static int put_link(struct database_sink *sink, const struct moved_run *run, const char *model_id, bool is_output,
                    int64_t step, struct err *err)
{
    char link[33];
    make_uuid(link, is_output ? "output" : "model", run->info.run_id, model_id);
    int changed = put(sink, err, "INSERT OR IGNORE INTO inputs (input_uuid, source_type, source_id, destination_type, "
                                 "destination_id, step) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                      "ttttti", link, is_output ? "RUN_OUTPUT" : "RUN_INPUT", run->info.run_id,
                      is_output ? "MODEL_OUTPUT" : "MODEL_INPUT", model_id, step);
    if (changed == 0) {
        sink->base.lossy = true;
        move_report_left(sink->base.report, "further steps of one model that a run gave", 1,
                         "MLflow's database has one step for a run and a model");
    }
    return changed < 0 ? -1 : 0;
}

static int put_links(struct database_sink *sink, const struct moved_run *run, struct err *err)
{
    int result = 0;
    for (size_t i = 0; i < run->dataset_count && result == 0; i++) {
        result = put_dataset(sink, run, &run->datasets[i], err);
    }
    for (size_t i = 0; i < run->model_input_count && result == 0; i++) {
        result = put_link(sink, run, run->model_inputs[i], false, 0, err);
    }
    for (size_t i = 0; i < run->model_output_count && result == 0; i++) {
        result = put_link(sink, run, run->model_outputs[i].model_id, true, run->model_outputs[i].step, err);
    }
    return result;
}

static int run(struct move_sink *base, const struct moved_run *run, struct err *err)
{
    const struct run_info *info = &run->info;
    if (put(of(base), err, "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, "
                           "status, start_time, end_time, source_version, lifecycle_stage, artifact_uri, "
                           "experiment_id, deleted_time) VALUES (?1, ?2, 'UNKNOWN', '', '', ?3, ?4, ?5, ?6, '', ?7, "
                           "?8, ?9, ?10)",
            "ttttizttiz", info->run_id, info->name, info->user, run_status_name(info->status), info->start_ms,
            info->end_ms, stage(info->deleted), info->artifact_uri, info->experiment_id,
            info->deleted ? run->deleted_ms : (int64_t)0) < 0) {
        return -1;
    }
    return put_pairs(of(base), "INSERT INTO params (key, value, run_uuid) VALUES (?1, ?2, ?3)", &run->params,
                     info->run_id, err) < 0 ||
                   put_pairs(of(base), "INSERT INTO tags (key, value, run_uuid) VALUES (?1, ?2, ?3)", &run->tags,
                             info->run_id, err) < 0
               ? -1
               : put_links(of(base), run, err);
}

static int history(struct move_sink *base, const struct moved_run *run, const char *key,
                   const struct metric_ranks *points, struct err *err)
{
    const struct metric_rank *latest = &points->items[0];
    for (size_t i = 0; i < points->count; i++) {
        const struct metric_rank *rank = &points->items[i];
        latest = metric_rank_compare(rank, latest) > 0 ? rank : latest;
        if (put(of(base), err, "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) "
                               "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                "tritii", key, rank->value, rank->time_ms, run->info.run_id, rank->step, (int64_t)rank->is_nan) < 0) {
            return -1;
        }
    }
    return put(of(base), err, "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
               "triiit", key, latest->value, latest->time_ms, latest->step, (int64_t)latest->is_nan,
               run->info.run_id) < 0
               ? -1
               : 0;
}

static void leave(struct database_sink *sink, const char *what, int64_t count, const char *why)
{
    sink->base.lossy = true;
    move_report_left(sink->base.report, what, count, why);
}

/* A NaN is 0, as MLflow writes it: it has no column for the difference, and cannot read NULL. */
static int put_measured(struct database_sink *sink, const struct moved_run *run, const struct moved_series *series,
                        const struct metric_rank *rank, struct err *err)
{
    static const char sql[] = "INSERT OR IGNORE INTO logged_model_metrics (model_id, metric_name, "
                              "metric_timestamp_ms, metric_step, metric_value, experiment_id, run_id, dataset_uuid, "
                              "dataset_name, dataset_digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    char dataset[33] = "";
    if (series->dataset_name[0] != '\0') {
        dataset_uuid(dataset, run->info.experiment_id, series->dataset_name, series->dataset_digest);
    }
    return put(sink, err, sql, "ttiiritnnn", series->model_id, series->key, rank->time_ms,
               rank->step, rank->value, run->info.experiment_id, run->info.run_id, dataset, series->dataset_name,
               series->dataset_digest);
}

static int measured(struct move_sink *base, const struct moved_run *run, const struct moved_series *series,
                    struct err *err)
{
    if (series->model_id[0] == '\0') {
        leave(of(base), "datasets of points that were not measured on a model", (int64_t)series->points.count,
              "MLflow's database has no place for them; the points are there");
        return 0;
    }
    for (size_t i = 0; i < series->points.count; i++) {
        int changed = put_measured(of(base), run, series, &series->points.items[i], err);
        if (changed < 0) {
            return -1;
        }
        if (changed == 0) {
            leave(of(base), "further points of one model, time and step", 1,
                  "MLflow's database has one; they are in the history of the run");
        }
    }
    return 0;
}

/* ---- traces and the registry ------------------------------------------------------------------------------------ */

static const char *value_of(const struct moved_pairs *pairs, const char *key)
{
    for (size_t i = 0; i < pairs->count; i++) {
        if (strcmp(pairs->items[i].key, key) == 0) {
            return pairs->items[i].value;
        }
    }
    return "";
}

/* Of these words MLflow reads the columns alone. */
static int put_columns(struct database_sink *sink, const struct moved_trace *trace, struct err *err)
{
#define PART_OF(mark, name) "CASE WHEN json_valid(" mark ") THEN json_extract(" mark ", '$." name "') END"
    static const char sql[] =
        "UPDATE trace_info SET trace_name = ?1, session_id = ?2, input_tokens = " PART_OF("?3", "input_tokens")
        ", output_tokens = " PART_OF("?3", "output_tokens") ", total_tokens = " PART_OF("?3", "total_tokens")
        ", cache_read_input_tokens = " PART_OF("?3", "cache_read_input_tokens")
        ", cache_creation_input_tokens = " PART_OF("?3", "cache_creation_input_tokens")
        ", cache_creation_input_tokens_above_1hr = " PART_OF("?3", "cache_creation_input_tokens_above_1hr")
        ", input_cost = " PART_OF("?4", "input_cost") ", output_cost = " PART_OF("?4", "output_cost")
        ", total_cost = " PART_OF("?4", "total_cost") " WHERE request_id = ?5";
#undef PART_OF
    const struct moved_pairs *metadata = &trace->metadata;
    return put(sink, err, sql, "nnnnt", value_of(&trace->tags, "mlflow.traceName"),
               value_of(metadata, "mlflow.trace.session"), value_of(metadata, "mlflow.trace.tokenUsage"),
               value_of(metadata, "mlflow.trace.cost"), trace->info.request_id);
}

static int trace(struct move_sink *base, const struct moved_trace *trace, struct err *err)
{
    static const char tags[] = "INSERT INTO trace_tags (key, value, request_id) VALUES (?1, ?2, ?3)";
    const struct trace *info = &trace->info;
    if (put(of(base), err, "INSERT INTO trace_info (request_id, experiment_id, timestamp_ms, execution_time_ms, "
                           "status) VALUES (?1, ?2, ?3, ?4, ?5)",
            info->status == TRACE_IN_PROGRESS ? "tiizt" : "tiiit", info->request_id, info->experiment_id,
            info->start_ms, info->status == TRACE_IN_PROGRESS ? (int64_t)0 : info->duration_ms,
            trace_status_names[info->status]) < 0 ||
        put_columns(of(base), trace, err) < 0 ||
        put(of(base), err, tags, "ttt", TRACE_LOCATION_TAG, info->artifact_uri, info->request_id) < 0 ||
        put_pairs(of(base), tags, &trace->tags, info->request_id, err) < 0) {
        return -1;
    }
    return put_pairs(of(base), "INSERT INTO trace_request_metadata (key, value, request_id) VALUES (?1, ?2, ?3)",
                     &trace->metadata, info->request_id, err);
}

static int put_version(struct database_sink *sink, const struct moved_version *version, struct err *err)
{
    const struct model_version *info = &version->info;
    if (put(sink, err, "INSERT INTO model_versions (name, version, creation_time, last_updated_time, description, "
                       "user_id, current_stage, source, run_id, status, status_message, run_link, storage_location) "
                       "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            "tiiinnttntnnn", info->name, info->version, info->created_ms, info->updated_ms, info->description,
            info->user, info->stage, info->source, info->run_id, info->status, info->status_message, info->run_link,
            info->storage_location) < 0) {
        return -1;
    }
    for (size_t i = 0; i < version->tags.count; i++) {
        if (put(sink, err, "INSERT INTO model_version_tags (key, value, name, version) VALUES (?1, ?2, ?3, ?4)", "ttti",
                version->tags.items[i].key, version->tags.items[i].value, info->name, info->version) < 0) {
            return -1;
        }
    }
    return 0;
}

static int registered(struct move_sink *base, const struct moved_registered *registered, struct err *err)
{
    const struct registered_model *info = &registered->info;
    if (put(of(base), err, "INSERT INTO registered_models (name, creation_time, last_updated_time, description) "
                           "VALUES (?1, ?2, ?3, ?4)",
            "tiin", info->name, info->created_ms, info->updated_ms, info->description) < 0 ||
        put_pairs(of(base), "INSERT INTO registered_model_tags (key, value, name) VALUES (?1, ?2, ?3)",
                  &registered->tags, info->name, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < registered->version_count; i++) {
        if (put_version(of(base), &registered->versions[i], err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < registered->alias_count; i++) {
        if (put(of(base), err, "INSERT INTO registered_model_aliases (alias, version, name) VALUES (?1, ?2, ?3)", "tit",
                registered->aliases[i].alias, registered->aliases[i].version, info->name) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- opening and closing ---------------------------------------------------------------------------------------- */

static void let_go(struct database_sink *sink)
{
    for (size_t i = 0; i < STATEMENTS_MAX; i++) {
        (void)sqlite3_finalize(sink->statements[i].statement);
        sink->statements[i].statement = NULL;
        sink->statements[i].sql = NULL;
    }
    (void)sqlite3_close(sink->db);
    sink->db = NULL;
}

static int finish(struct move_sink *base, struct err *err)
{
    struct database_sink *sink = of(base);
    if (exec(sink, "COMMIT", err) < 0) {
        return -1;
    }
    let_go(sink);
    if (fs_sync(sink->part, err) < 0) {
        return -1;
    }
    return rename(sink->part, sink->path) < 0 ? err_errno(err, "naming '%s'", sink->path)
                                              : fs_sync_name(sink->path, err);
}

static void close_sink(struct move_sink *base)
{
    struct database_sink *sink = of(base);
    if (sink->db != NULL) {
        let_go(sink);
        (void)unlink(sink->part);
    }
}

static const struct move_sink_ops database_ops = {
    .experiment = experiment,
    .model = model,
    .run = run,
    .history = history,
    .measured = measured,
    .trace = trace,
    .registered = registered,
    .finish = finish,
    .close = close_sink,
};

int move_database_sink(const char *path, bool served, struct arena *arena, struct move_report *report,
                       struct move_sink **ret, struct err *err)
{
    struct database_sink *sink = arena_one(arena, struct database_sink);
    const char *files = path_join(arena, path_dir(arena, path), "mlartifacts");
    *sink = (struct database_sink){
        .base = {.ops = &database_ops, .report = report, .files = files, .uri = served ? "mlflow-artifacts:" : files},
        .path = path,
        .part = arena_printf(arena, "%s.part", path),
    };
    if (fs_exists(path)) {
        return err_set(err, ERR_EXISTS, "'%s' is there already: an export makes a new one", path);
    }
    if (fs_remove(sink->part, err) < 0 || fs_make_folders(path_dir(arena, path), 0777, err) < 0) {
        return -1;
    }
    int code = sqlite3_open_v2(sink->part, &sink->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    int result = code == SQLITE_OK ? exec(sink, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; "
                                             "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-262144; BEGIN", err)
                                   : fail(sink, code, err);
    if (result < 0 || exec(sink, mlflow_schema, err) < 0) {
        close_sink(&sink->base);
        return -1;
    }
    *ret = &sink->base;
    return 0;
}
