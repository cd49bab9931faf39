/* SPDX-License-Identifier: Apache-2.0
 * Runs of MLflow's database, and their points.
 */
#include "move/database_source.h"
#include "move/measured.h"

#include <string.h>

/* ---- runs ------------------------------------------------------------------------------------------------------- */

static int read_datasets(struct database_source *source, const char *id, struct arena *arena, struct moved_run *ret,
                         struct err *err)
{
    sqlite3_stmt *s = NULL;
    size_t room = 0;
    int row = 0;
    if (database_ask(source, DB_DATASETS, id, &s, err) < 0) {
        return -1;
    }
    while ((row = database_next(source, s, err)) == 1) {
        struct moved_pairs tags = {0};
        struct dataset_input input = {.dataset = {
            .name = foreign_db_text(s, 1, arena),
            .digest = foreign_db_text(s, 2, arena),
            .source_type = foreign_db_text(s, 3, arena),
            .source = foreign_db_text(s, 4, arena),
            .schema = foreign_db_text_or_null(s, 5, arena),
            .profile = foreign_db_text_or_null(s, 6, arena),
        }};
        const char *input_id = foreign_db_text(s, 0, arena);
        if (database_read_pairs(source, DB_INPUT_TAGS, input_id, arena, &tags, err) < 0) {
            return -1;
        }
        input.tags = tags.items;
        input.tag_count = tags.count;
        ret->datasets = arena_grow(arena, ret->datasets, ret->dataset_count, &room, sizeof *ret->datasets);
        ret->datasets[ret->dataset_count++] = input;
    }
    return row;
}

static int read_links(struct database_source *source, const char *id, struct arena *arena, struct moved_run *ret,
                      struct err *err)
{
    sqlite3_stmt *s = NULL;
    size_t room = 0;
    int row = 0;
    if (database_ask(source, DB_MODEL_INPUTS, id, &s, err) < 0) {
        return -1;
    }
    while ((row = database_next(source, s, err)) == 1) {
        ret->model_inputs = arena_grow(arena, ret->model_inputs, ret->model_input_count, &room,
                                       sizeof *ret->model_inputs);
        ret->model_inputs[ret->model_input_count++] = foreign_db_text(s, 0, arena);
    }
    room = 0;
    if (row < 0 || database_ask(source, DB_MODEL_OUTPUTS, id, &s, err) < 0) {
        return -1;
    }
    while ((row = database_next(source, s, err)) == 1) {
        ret->model_outputs = arena_grow(arena, ret->model_outputs, ret->model_output_count, &room,
                                        sizeof *ret->model_outputs);
        ret->model_outputs[ret->model_output_count++] =
            (struct model_output){foreign_db_text(s, 0, arena), sqlite3_column_int64(s, 1)};
    }
    return row;
}

static int read_run_row(struct database_source *source, const char *id, struct arena *arena, struct moved_run *ret,
                        struct err *err)
{
    sqlite3_stmt *s = NULL;
    if (database_ask_one(source, DB_RUN, "run", id, &s, err) < 0) {
        return -1;
    }
    const char *status = foreign_db_text(s, 3, arena);
    *ret = (struct moved_run){
        .info = {.run_id = arena_strdup(arena, id),
                 .experiment_id = sqlite3_column_int64(s, 0),
                 .name = foreign_db_text(s, 1, arena),
                 .user = foreign_db_text(s, 2, arena),
                 .start_ms = sqlite3_column_int64(s, 4),
                 .end_ms = sqlite3_column_int64(s, 5),
                 .deleted = sqlite3_column_int(s, 6) != 0,
                 .artifact_uri = foreign_db_text(s, 8, arena)},
        .deleted_ms = sqlite3_column_int64(s, 7),
    };
    (void)sqlite3_reset(s);
    if (run_status_parse(status, &ret->info.status) < 0) {
        return err_set(err, ERR_INPUT, "its status is '%s': expected SCHEDULED, RUNNING, FINISHED, FAILED or KILLED",
                       status);
    }
    return 0;
}

int database_run(struct move_source *base, const char *id, struct arena *arena, struct moved_run *ret, struct err *err)
{
    if (read_run_row(database_of(base), id, arena, ret, err) < 0 ||
        database_read_pairs(database_of(base), DB_PARAMS, id, arena, &ret->params, err) < 0 ||
        database_read_pairs(database_of(base), DB_TAGS, id, arena, &ret->tags, err) < 0 ||
        read_datasets(database_of(base), id, arena, ret, err) < 0) {
        return -1;
    }
    moved_run_name(ret);
    return read_links(database_of(base), id, arena, ret, err);
}

/* ---- points ----------------------------------------------------------------------------------------------------- */

struct points_reader {
    struct database_source *source;
    sqlite3_stmt *plain;    /* metrics, by key */
    sqlite3_stmt *measured; /* of models, by key, model, dataset */
    int plain_row;
    int measured_row;
    struct arena *arena; /* of the key at hand */
    moved_series_take *take;
    void *context;
};

static void add_point(struct metric_ranks *points, size_t *room, struct arena *arena, struct metric_rank rank)
{
    points->items = arena_grow(arena, points->items, points->count, room, sizeof *points->items);
    points->items[points->count++] = rank;
}

static struct metric_rank rank_of(sqlite3_stmt *s, int value, bool is_nan, int ms, int step)
{
    double number = is_nan ? __builtin_nan("") : sqlite3_column_double(s, value);
    return metric_rank_of(number, sqlite3_column_int64(s, step), sqlite3_column_int64(s, ms));
}

static bool is_at(sqlite3_stmt *s, int row, int column_number, const char *text)
{
    const char *found = row == 1 ? (const char *)sqlite3_column_text(s, column_number) : NULL;
    return found != NULL && strcmp(found, text) == 0;
}

static int read_plain(struct points_reader *reader, const char *key, struct metric_ranks *ret, struct err *err)
{
    size_t room = 0;
    while (is_at(reader->plain, reader->plain_row, 0, key)) {
        bool is_nan = sqlite3_column_int(reader->plain, 4) != 0;
        add_point(ret, &room, reader->arena, rank_of(reader->plain, 1, is_nan, 2, 3));
        reader->plain_row = database_next(reader->source, reader->plain, err);
    }
    return reader->plain_row < 0 ? -1 : 0;
}

/* The series at which `measured` stands. */
static int read_measured(struct points_reader *reader, const char *key, struct moved_series *ret, struct err *err)
{
    sqlite3_stmt *s = reader->measured;
    size_t room = 0;
    *ret = (struct moved_series){key, foreign_db_text(s, 1, reader->arena), foreign_db_text(s, 2, reader->arena),
                                 foreign_db_text(s, 3, reader->arena), {0}};
    while (is_at(s, reader->measured_row, 0, key) && is_at(s, 1, 1, ret->model_id) &&
           is_at(s, 1, 2, ret->dataset_name) && is_at(s, 1, 3, ret->dataset_digest)) {
        bool is_nan = sqlite3_column_type(s, 6) == SQLITE_NULL;
        add_point(&ret->points, &room, reader->arena, rank_of(s, 6, is_nan, 4, 5));
        reader->measured_row = database_next(reader->source, s, err);
    }
    return reader->measured_row < 0 ? -1 : 0;
}

static int take_key(struct points_reader *reader, const char *key, struct err *err)
{
    size_t count = 1;
    size_t room = 0;
    struct moved_series *list = arena_grow(reader->arena, NULL, 0, &room, sizeof *list);
    list[0] = (struct moved_series){key, "", "", "", {0}};
    if (read_plain(reader, key, &list[0].points, err) < 0) {
        return -1;
    }
    while (is_at(reader->measured, reader->measured_row, 0, key)) {
        list = arena_grow(reader->arena, list, count, &room, sizeof *list);
        if (read_measured(reader, key, &list[count++], err) < 0) {
            return -1;
        }
    }
    return measured_give(list, count, reader->take, reader->context, err);
}

/* The smaller of the two keys at hand; NULL when both are at their ends. */
static const char *next_key(const struct points_reader *reader, struct arena *arena)
{
    const char *plain = reader->plain_row == 1 ? (const char *)sqlite3_column_text(reader->plain, 0) : NULL;
    const char *measured = reader->measured_row == 1 ? (const char *)sqlite3_column_text(reader->measured, 0) : NULL;
    const char *first = plain == NULL || (measured != NULL && strcmp(measured, plain) < 0) ? measured : plain;
    return first == NULL ? NULL : arena_strdup(arena, first);
}

static int read_series(struct points_reader *reader, const char *run_id, struct err *err)
{
    const char *key = NULL;
    if (database_ask(reader->source, DB_POINTS, run_id, &reader->plain, err) < 0 ||
        (reader->source->has_measured &&
         database_ask(reader->source, DB_MODEL_POINTS, run_id, &reader->measured, err) < 0) ||
        (reader->plain_row = database_next(reader->source, reader->plain, err)) < 0 ||
        (reader->measured_row = database_next(reader->source, reader->measured, err)) < 0) {
        return -1;
    }
    while ((key = next_key(reader, reader->arena)) != NULL) {
        if (take_key(reader, key, err) < 0) {
            return -1;
        }
        arena_reset(reader->arena);
    }
    return 0;
}

int database_series(struct move_source *base, const char *run_id, moved_series_take *take, void *context,
                  struct err *err)
{
    struct points_reader reader = {.source = database_of(base), .arena = arena_new(), .take = take, .context = context};
    int result = read_series(&reader, run_id, err);
    (void)sqlite3_reset(reader.plain);
    (void)sqlite3_reset(reader.measured);
    arena_free(reader.arena);
    return result;
}

/* What was measured on models has no index by run in MLflow's table. Ours is in SQLite's own temporary file. */
int database_index_measured(struct database_source *source, struct err *err)
{
    int64_t count = 0;
    if (!foreign_db_has_table(&source->db, "logged_model_metrics")) {
        return 0;
    }
    if (foreign_db_number(&source->db, "SELECT EXISTS (SELECT 1 FROM logged_model_metrics)", &count, err) < 0) {
        return -1;
    }
    source->has_measured = count != 0;
    const char *sql = "CREATE TEMP TABLE measured AS SELECT run_id, metric_name, model_id, COALESCE(dataset_name, '') "
                      "AS dataset_name, COALESCE(dataset_digest, '') AS dataset_digest, metric_timestamp_ms AS ms, "
                      "metric_step AS step, metric_value AS value FROM logged_model_metrics; "
                      "CREATE INDEX temp.measured_run ON measured(run_id)";
    if (source->has_measured && sqlite3_exec(source->db.db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        return err_set(err, ERR_IO, "reading '%s': %s", source->db.path, sqlite3_errmsg(source->db.db));
    }
    return 0;
}
