/* SPDX-License-Identifier: Apache-2.0
 * What is asked of MLflow's database, put together from the tables and columns that it has.
 */
#include "move/database_source.h"

/* A column, or what stands in its place in a version that has none. */
static const char *column(const struct database_source *source, const char *table, const char *name,
                          const char *otherwise)
{
    return foreign_db_has_column(&source->db, table, name) ? name : otherwise;
}

/* Records of other workspaces (MLflow 3.10 and later) are not those that a server shows by itself. */
static const char *in_workspace(const struct database_source *source, const char *table)
{
    return foreign_db_has_column(&source->db, table, "workspace") ? "workspace = 'default'" : "1";
}

static void make_run_queries(struct database_source *source, struct arena *arena)
{
    const char **sql = source->sql;
    sql[DB_RUN_IDS] = arena_printf(arena, "SELECT run_uuid FROM runs WHERE experiment_id IS NULL OR experiment_id NOT "
                                          "IN (SELECT experiment_id FROM experiments WHERE NOT (%s)) ORDER BY run_uuid",
                                   in_workspace(source, "experiments"));
    sql[DB_RUN] = arena_printf(
        arena, "SELECT r.experiment_id, %s, r.user_id, r.status, r.start_time, r.end_time, "
               "COALESCE(r.lifecycle_stage, '') = 'deleted' OR COALESCE((SELECT e.lifecycle_stage FROM experiments AS "
               "e WHERE e.experiment_id = r.experiment_id), '') = 'deleted', %s, r.artifact_uri FROM runs AS r WHERE "
               "r.run_uuid = ?1",
        column(source, "runs", "name", "''"), column(source, "runs", "deleted_time", "0"));
    sql[DB_PARAMS] = "SELECT key, value FROM params WHERE run_uuid = ?1 ORDER BY key";
    sql[DB_TAGS] = "SELECT key, value FROM tags WHERE run_uuid = ?1 ORDER BY key";
    sql[DB_POINTS] = arena_printf(arena, "SELECT key, value, timestamp, %s, %s FROM metrics WHERE run_uuid = ?1 "
                                         "ORDER BY key",
                                  column(source, "metrics", "step", "0"), column(source, "metrics", "is_nan", "0"));
    if (foreign_db_has_table(&source->db, "inputs")) {
        sql[DB_DATASETS] = "SELECT i.input_uuid, d.name, d.digest, d.dataset_source_type, d.dataset_source, "
                           "d.dataset_schema, d.dataset_profile FROM inputs AS i JOIN datasets AS d ON d.dataset_uuid "
                           "= i.source_id WHERE i.destination_id = ?1 AND i.source_type = 'DATASET' AND "
                           "i.destination_type = 'RUN' ORDER BY d.name, d.digest";
        sql[DB_INPUT_TAGS] = "SELECT name, value FROM input_tags WHERE input_uuid = ?1 ORDER BY name";
        sql[DB_MODEL_INPUTS] = "SELECT DISTINCT destination_id FROM inputs WHERE source_id = ?1 AND source_type = "
                               "'RUN_INPUT' AND destination_type = 'MODEL_INPUT' ORDER BY destination_id";
        sql[DB_MODEL_OUTPUTS] = arena_printf(
            arena, "SELECT DISTINCT destination_id, %s FROM inputs WHERE source_id = ?1 AND source_type = 'RUN_OUTPUT' "
                   "AND destination_type = 'MODEL_OUTPUT' ORDER BY 1, 2", column(source, "inputs", "step", "0"));
    }
}

static void make_model_queries(struct database_source *source, struct arena *arena)
{
    const char **sql = source->sql;
    if (foreign_db_has_table(&source->db, "logged_models")) {
        sql[DB_MODEL_IDS] = arena_printf(arena, "SELECT model_id FROM logged_models WHERE experiment_id NOT IN (SELECT "
                                                "experiment_id FROM experiments WHERE NOT (%s)) ORDER BY model_id",
                                         in_workspace(source, "experiments"));
        sql[DB_MODEL] = "SELECT experiment_id, name, artifact_location, source_run_id, model_type, status, "
                        "status_message, creation_timestamp_ms, last_updated_timestamp_ms, "
                        "COALESCE(lifecycle_stage, '') = 'deleted' FROM logged_models WHERE model_id = ?1";
        sql[DB_MODEL_PARAMS] = "SELECT param_key, param_value FROM logged_model_params WHERE model_id = ?1 "
                               "ORDER BY param_key";
        sql[DB_MODEL_TAGS] = "SELECT tag_key, tag_value FROM logged_model_tags WHERE model_id = ?1 ORDER BY tag_key";
        sql[DB_MODEL_POINTS] = "SELECT metric_name, model_id, dataset_name, dataset_digest, ms, step, value "
                               "FROM temp.measured WHERE run_id = ?1 "
                               "ORDER BY metric_name, model_id, dataset_name, dataset_digest";
    }
}

static void make_registry_queries(struct database_source *source, struct arena *arena)
{
    const char **sql = source->sql;
    if (!foreign_db_has_table(&source->db, "registered_models")) {
        return;
    }
    sql[DB_NAMES] = arena_printf(arena, "SELECT name FROM registered_models WHERE %s ORDER BY name",
                                 in_workspace(source, "registered_models"));
    sql[DB_REGISTERED] = arena_printf(arena, "SELECT description, creation_time, last_updated_time FROM "
                                             "registered_models WHERE name = ?1 AND %s",
                                      in_workspace(source, "registered_models"));
    sql[DB_VERSIONS] = arena_printf(
        arena, "SELECT version, creation_time, last_updated_time, description, user_id, current_stage, source, run_id, "
               "status, status_message, %s, %s FROM model_versions WHERE name = ?1 AND %s ORDER BY version",
        column(source, "model_versions", "run_link", "''"), column(source, "model_versions", "storage_location", "''"),
        in_workspace(source, "model_versions"));
    if (foreign_db_has_table(&source->db, "registered_model_tags")) {
        sql[DB_REGISTERED_TAGS] = arena_printf(arena, "SELECT key, value FROM registered_model_tags WHERE name = ?1 "
                                                      "AND %s ORDER BY key",
                                               in_workspace(source, "registered_model_tags"));
        sql[DB_VERSION_TAGS] = arena_printf(arena, "SELECT key, value, version FROM model_version_tags WHERE name = ?1 "
                                                   "AND %s ORDER BY version, key",
                                            in_workspace(source, "model_version_tags"));
    }
    if (foreign_db_has_table(&source->db, "registered_model_aliases")) {
        sql[DB_ALIASES] = arena_printf(arena, "SELECT alias, version FROM registered_model_aliases WHERE name = ?1 "
                                              "AND %s ORDER BY alias",
                                       in_workspace(source, "registered_model_aliases"));
    }
}

static const char *const trace_token_columns[] = {"input_tokens",
                                                  "output_tokens",
                                                  "total_tokens",
                                                  "cache_read_input_tokens",
                                                  "cache_creation_input_tokens",
                                                  "cache_creation_input_tokens_above_1hr",
                                                  NULL};
static const char *const trace_cost_columns[] = {"input_cost", "output_cost", "total_cost", NULL};

/* "json_object('input_cost', input_cost, ...)" of the columns that there are, without those that are NULL. */
static const char *json_of_columns(const struct database_source *source, const char *const *names, struct arena *arena)
{
    const char *list = "";
    for (size_t i = 0; names[i] != NULL; i++) {
        list = arena_printf(arena, "%s%s'%s', %s", list, i == 0 ? "" : ", ", names[i],
                            column(source, "trace_info", names[i], "NULL"));
    }
    return arena_printf(arena, "json_patch('{}', json_object(%s))", list);
}

/* MLflow 3.17 keeps the name of a trace and some of its metadata in columns, whatever its rows of words say. */
static void make_word_queries(struct database_source *source, struct arena *arena)
{
    const char **sql = source->sql;
    const char *tags = "SELECT key, value FROM trace_tags WHERE request_id = ?1";
    const char *metadata = "SELECT key, value FROM trace_request_metadata WHERE request_id = ?1";
    if (foreign_db_has_column(&source->db, "trace_info", "trace_name")) {
        tags = arena_printf(arena, "%s AND key <> 'mlflow.traceName' UNION ALL SELECT 'mlflow.traceName', trace_name "
                                   "FROM trace_info WHERE request_id = ?1 AND trace_name IS NOT NULL", tags);
    }
    if (foreign_db_has_column(&source->db, "trace_info", "session_id")) {
        metadata = arena_printf(
            arena, "%s AND key NOT IN ('mlflow.trace.session', 'mlflow.trace.tokenUsage', 'mlflow.trace.cost') UNION "
                   "ALL SELECT 'mlflow.trace.session', session_id FROM trace_info WHERE request_id = ?1 AND "
                   "session_id IS NOT NULL UNION ALL SELECT key, value FROM (SELECT 'mlflow.trace.tokenUsage' AS key, "
                   "%s AS value FROM trace_info WHERE request_id = ?1 UNION ALL SELECT 'mlflow.trace.cost', %s FROM "
                   "trace_info WHERE request_id = ?1) WHERE value <> '{}'",
            metadata, json_of_columns(source, trace_token_columns, arena),
            json_of_columns(source, trace_cost_columns, arena));
    }
    sql[DB_TRACE_TAGS] = arena_printf(arena, "%s ORDER BY 1", tags);
    sql[DB_TRACE_METADATA] = arena_printf(arena, "%s ORDER BY 1", metadata);
}

void database_make_queries(struct database_source *source, struct arena *arena)
{
    const char **sql = source->sql;
    const char *here = in_workspace(source, "experiments");
    sql[DB_EXPERIMENT_IDS] =
        arena_printf(arena, "SELECT experiment_id FROM experiments WHERE %s ORDER BY experiment_id", here);
    sql[DB_EXPERIMENT] = arena_printf(
        arena, "SELECT name, artifact_location, COALESCE(lifecycle_stage, '') = 'deleted', %s, %s FROM experiments "
               "WHERE experiment_id = ?1",
        column(source, "experiments", "creation_time", "0"), column(source, "experiments", "last_update_time", "0"));
    if (foreign_db_has_table(&source->db, "experiment_tags")) {
        sql[DB_EXPERIMENT_TAGS] = "SELECT key, value FROM experiment_tags WHERE experiment_id = ?1 ORDER BY key";
    }
    make_run_queries(source, arena);
    make_model_queries(source, arena);
    make_registry_queries(source, arena);
    if (foreign_db_has_table(&source->db, "trace_info")) {
        sql[DB_TRACE_IDS] = arena_printf(arena, "SELECT request_id FROM trace_info WHERE experiment_id NOT IN (SELECT "
                                                "experiment_id FROM experiments WHERE NOT (%s)) ORDER BY request_id",
                                         here);
        sql[DB_TRACE] = "SELECT experiment_id, timestamp_ms, execution_time_ms, status FROM trace_info "
                        "WHERE request_id = ?1";
        make_word_queries(source, arena);
    }
    if (foreign_db_has_table(&source->db, "spans")) {
        sql[DB_SPANS] = "SELECT content FROM spans WHERE trace_id = ?1 ORDER BY start_time_unix_nano, span_id";
    }
}
