/* SPDX-License-Identifier: Apache-2.0 */
#include "store/moved.h"

#include "base/parse.h"
#include "store/experiments.h"
#include "store/metrics_internal.h"
#include "store/registry_internal.h"

const char *const moved_kind_names[] = {"experiment", "run", "model", "registered_model", "trace", NULL};

void moved_pairs_add(struct moved_pairs *pairs, struct arena *arena, const char *key, const char *value)
{
    pairs->items = arena_grow(arena, pairs->items, pairs->count, &pairs->room, sizeof *pairs->items);
    pairs->items[pairs->count++] = (struct pair){key, value == NULL ? "" : value};
}

void moved_ids_add(struct moved_ids *ids, struct arena *arena, const char *id)
{
    ids->items = arena_grow(arena, ids->items, ids->count, &ids->room, sizeof *ids->items);
    ids->items[ids->count++] = id;
}

/* ---- which there are -------------------------------------------------------------------------------------------- */

int store_moved_ids(struct store *store, enum moved_kind kind, struct arena *arena, struct moved_ids *ret,
                    struct err *err)
{
    static const char *const queries[MOVED_KINDS] = {
        "SELECT id FROM experiments ORDER BY id",
        "SELECT run_id FROM runs ORDER BY run_id",
        "SELECT model_id FROM logged_models ORDER BY model_id",
        "SELECT name FROM registered_models ORDER BY name",
        "SELECT request_id FROM traces ORDER BY request_id",
    };
    struct stmt *s = stmt_get(store, queries[kind]);
    int row = 0;
    *ret = (struct moved_ids){0};
    while ((row = stmt_step(s, err)) == 1) {
        moved_ids_add(ret, arena, stmt_column_text(s, 0, arena));
    }
    stmt_done(s);
    return row;
}

int store_moved_exists(struct store *store, enum moved_kind kind, const char *id, struct err *err)
{
    static const char *const queries[MOVED_KINDS] = {
        "SELECT 1 FROM experiments WHERE id = CAST(:id AS INTEGER)",
        "SELECT 1 FROM runs WHERE run_id = :id",
        "SELECT 1 FROM logged_models WHERE model_id = :id",
        "SELECT 1 FROM registered_models WHERE name = :id",
        "SELECT 1 FROM traces WHERE request_id = :id",
    };
    struct stmt *s = stmt_get(store, queries[kind]);
    stmt_text(s, ":id", id);
    int row = stmt_step(s, err);
    stmt_done(s);
    return row;
}

/* ---- what they say ---------------------------------------------------------------------------------------------- */

static void add_map(struct moved_pairs *pairs, const struct json *map, struct arena *arena)
{
    for (size_t i = 0; map->type == JSON_OBJECT && i < map->u.object.count; i++) {
        const struct json_member *member = &map->u.object.members[i];
        moved_pairs_add(pairs, arena, member->key.p, member->value.u.string.p);
    }
}

int store_moved_experiment(struct store *store, int64_t id, struct arena *arena, struct moved_experiment *ret,
                           struct err *err)
{
    struct experiment experiment;
    struct json tags;
    if (store_experiment_get(store, id, arena, &experiment, err) < 0 ||
        store_experiment_tags(store, id, arena, &tags, err) < 0) {
        return -1;
    }
    *ret = (struct moved_experiment){
        .id = id,
        .name = experiment.name,
        .artifact_location = experiment.artifact_location,
        .deleted = experiment.deleted,
        .created_ms = experiment.created_ms,
        .updated_ms = experiment.updated_ms,
    };
    add_map(&ret->tags, &tags, arena);
    return 0;
}

static int read_deleted_ms(struct store *store, const char *run_id, int64_t *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT COALESCE(deleted_ms, 0) FROM runs WHERE run_id = :run_id");
    stmt_text(s, ":run_id", run_id);
    int row = stmt_step(s, err);
    *ret = row == 1 ? stmt_column_int(s, 0) : 0;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

int store_moved_run(struct store *store, const char *run_id, struct arena *arena, struct moved_run *ret,
                    struct err *err)
{
    struct moved_run run = {0};
    struct json params, tags;
    struct run_links links = {0};
    if (store_run_get(store, run_id, arena, &run.info, err) < 0 ||
        store_run_params(store, run_id, arena, &params, err) < 0 ||
        store_run_tags(store, run_id, arena, &tags, err) < 0 ||
        store_run_links(store, run_id, arena, &links, err) < 0 ||
        read_deleted_ms(store, run_id, &run.deleted_ms, err) < 0) {
        return -1;
    }
    add_map(&run.params, &params, arena);
    add_map(&run.tags, &tags, arena);
    run.datasets = links.datasets;
    run.dataset_count = links.dataset_count;
    run.model_inputs = links.model_inputs;
    run.model_input_count = links.model_input_count;
    run.model_outputs = links.model_outputs;
    run.model_output_count = links.model_output_count;
    *ret = run;
    return 0;
}

int store_moved_model(struct store *store, const char *model_id, struct arena *arena, struct moved_model *ret,
                      struct err *err)
{
    struct moved_model model = {0};
    struct json params, tags;
    if (store_model_get_any(store, model_id, arena, &model.info, err) < 0 ||
        store_model_params(store, model_id, arena, &params, err) < 0 ||
        store_model_tags(store, model_id, arena, &tags, err) < 0) {
        return -1;
    }
    add_map(&model.params, &params, arena);
    add_map(&model.tags, &tags, arena);
    *ret = model;
    return 0;
}

int store_moved_trace(struct store *store, const char *id, struct arena *arena, struct moved_trace *ret,
                      struct err *err)
{
    struct moved_trace trace = {0};
    struct json metadata, tags;
    if (store_trace_get(store, id, arena, &trace.info, err) < 0 ||
        store_trace_metadata(store, id, arena, &metadata, err) < 0 ||
        store_trace_tags(store, id, arena, &tags, err) < 0) {
        return -1;
    }
    add_map(&trace.metadata, &metadata, arena);
    add_map(&trace.tags, &tags, arena);
    *ret = trace;
    return 0;
}

/* ---- the registry ----------------------------------------------------------------------------------------------- */

/* Of a deleted version, too, which its own reader does not find. */
static int read_version_tags(struct store *store, struct moved_version *version, struct arena *arena, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT key, value FROM model_version_tags WHERE name = :name AND "
                                     "version = :version ORDER BY key");
    struct json tags;
    stmt_text(s, ":name", version->info.name);
    stmt_int(s, ":version", version->info.version);
    if (stmt_read_map(s, arena, &tags, err) < 0) {
        return -1;
    }
    add_map(&version->tags, &tags, arena);
    return 0;
}

static int read_versions(struct store *store, const char *name, struct arena *arena, struct moved_registered *ret,
                         struct err *err)
{
    struct model_version *versions = NULL;
    struct stmt *s = stmt_get(store, "SELECT " VERSION_COLUMNS " FROM model_versions WHERE name = :name "
                                     "ORDER BY version");
    stmt_text(s, ":name", name);
    if (version_read_rows(s, arena, &versions, &ret->version_count, err) < 0) {
        return -1;
    }
    ret->versions = arena_array(arena, ret->version_count + 1, sizeof *ret->versions);
    for (size_t i = 0; i < ret->version_count; i++) {
        ret->versions[i].info = versions[i];
        if (read_version_tags(store, &ret->versions[i], arena, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int read_last_version(struct store *store, const char *name, int64_t *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT last_version FROM registered_models WHERE name = :name");
    stmt_text(s, ":name", name);
    int row = stmt_step(s, err);
    *ret = row == 1 ? stmt_column_int(s, 0) : 0;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

int store_moved_registered(struct store *store, const char *name, struct arena *arena, struct moved_registered *ret,
                           struct err *err)
{
    struct moved_registered registered = {0};
    struct json tags, aliases;
    if (store_registry_get(store, name, arena, &registered.info, err) < 0 ||
        read_last_version(store, name, &registered.info.latest_version, err) < 0 ||
        store_registered_tags(store, name, arena, &tags, err) < 0 ||
        store_alias_list(store, name, arena, &aliases, err) < 0 ||
        read_versions(store, name, arena, &registered, err) < 0) {
        return -1;
    }
    add_map(&registered.tags, &tags, arena);
    registered.aliases = arena_array(arena, aliases.u.object.count + 1, sizeof *registered.aliases);
    registered.alias_count = aliases.u.object.count;
    for (size_t i = 0; i < registered.alias_count; i++) {
        const struct json_member *member = &aliases.u.object.members[i];
        registered.aliases[i] = (struct moved_alias){member->key.p, member->value.u.integer};
    }
    *ret = registered;
    return 0;
}

/* ---- points ----------------------------------------------------------------------------------------------------- */

/* A series and how many points it has. */
struct series_row {
    struct metric_series_id id;
    struct moved_series series;
    size_t count;
};

static int list_series(struct store *store, int64_t run, struct arena *arena, struct series_row **ret,
                       size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT s.key, s.target, s.count, k.key, t.model_id, t.dataset_name, "
                                     "t.dataset_digest FROM metric_summaries AS s "
                                     "JOIN metric_keys AS k ON k.id = s.key "
                                     "JOIN metric_targets AS t ON t.id = s.target "
                                     "WHERE s.run = :run ORDER BY k.key, t.model_id, t.dataset_name, t.dataset_digest");
    struct series_row *rows = NULL;
    size_t room = 0;
    int row = 0;
    *ret_count = 0;
    stmt_int(s, ":run", run);
    while ((row = stmt_step(s, err)) == 1) {
        rows = arena_grow(arena, rows, *ret_count, &room, sizeof *rows);
        rows[(*ret_count)++] = (struct series_row){
            .id = {run, stmt_column_int(s, 0), stmt_column_int(s, 1)},
            .count = (size_t)stmt_column_int(s, 2),
            .series = {stmt_column_text(s, 3, arena), stmt_column_text(s, 4, arena), stmt_column_text(s, 5, arena),
                       stmt_column_text(s, 6, arena), {0}},
        };
    }
    stmt_done(s);
    *ret = rows;
    return row;
}

static int read_points(struct store *store, const struct series_row *row, struct arena *arena,
                       struct metric_ranks *ret, struct err *err)
{
    struct metric_cursor *cursor = metric_cursor_new(store, &row->id);
    const struct metric_rank *rank = NULL;
    int more = 0;
    *ret = metric_ranks_new(arena, row->count);
    while (ret->count < row->count && (more = metric_cursor_peek(cursor, &rank, err)) == 1) {
        ret->items[ret->count++] = *rank;
        metric_cursor_move(cursor);
    }
    metric_cursor_free(cursor);
    return more < 0 ? -1 : 0;
}

int store_moved_series(struct store *store, const char *run_id, moved_series_take *take, void *context,
                       struct err *err)
{
    struct arena *names = arena_new();
    struct arena *points = arena_new();
    struct series_row *rows = NULL;
    size_t count = 0;
    int64_t run = 0;
    int found = metric_run_find(store, run_id, &run, err);
    int result = found < 0 ? -1 : found == 0 ? 0 : list_series(store, run, names, &rows, &count, err);
    for (size_t i = 0; i < count && result == 0; i++) {
        struct moved_series series = rows[i].series;
        result = read_points(store, &rows[i], points, &series.points, err) < 0 ? -1 : take(context, &series, err);
        arena_reset(points);
    }
    arena_free(points);
    arena_free(names);
    return result;
}
