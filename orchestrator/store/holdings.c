/* SPDX-License-Identifier: Apache-2.0 */
#include "store/holdings.h"

#include "store/registry_internal.h"
#include "store/stmt.h"

static void read_run(struct stmt *s, struct arena *arena, void *item)
{
    *(struct holding_run *)item = (struct holding_run){
        .run_id = stmt_column_text(s, 0, arena),
        .parent_run = stmt_column_text_or_null(s, 1, arena),
        .pipeline = stmt_column_text(s, 2, arena),
        .number = stmt_column_int(s, 3),
        .revision = stmt_column_int(s, 4),
        .open = stmt_column_int(s, 5) != 0,
        .succeeded = stmt_column_int(s, 6) != 0,
        .created_ms = stmt_column_int(s, 7),
        .ended_ms = stmt_column_int(s, 8),
        .leaving = stmt_column_int(s, 9) != 0,
    };
}

int store_holding_runs(struct store *store, struct arena *arena, struct holding_run **ret, size_t *ret_count,
                       struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT run_id, parent_run, pipeline, number, revision, ended_ms IS NULL, "
                                     "state = 'succeeded' AND trigger <> 'replay', created_ms, coalesce(ended_ms, 0), "
                                     "0 FROM pipeline_runs "
                                     "UNION ALL SELECT run_id, parent_run, pipeline, number, revision, 0, 0, "
                                     "created_ms, ended_ms, 1 FROM leaving_runs ORDER BY 8, 4, 5");
    return stmt_read_rows(s, read_run, sizeof **ret, arena, ret, ret_count, err);
}

static void read_owner(struct stmt *s, struct arena *arena, void *item)
{
    *(struct holding_owner *)item = (struct holding_owner){
        .id = stmt_column_text(s, 0, arena),
        .parent = stmt_column_text_or_null(s, 1, arena),
        .artifact_uri = stmt_column_text(s, 2, arena),
        .is_model = stmt_column_int(s, 3) != 0,
        .keeps_files = stmt_column_int(s, 4) != 0,
        .deleted_ms = stmt_column_int(s, 5),
        .experiment = stmt_column_int(s, 6),
    };
}

int store_holding_owners(struct store *store, struct arena *arena, struct holding_owner **ret, size_t *ret_count,
                         struct err *err)
{
    struct stmt *s = stmt_get(store,
                              "SELECT r.run_id, r.parent_run_id, r.artifact_uri, 0, 1, "
                              "coalesce(r.deleted_ms, e.deleted_ms, -1), e.id FROM runs AS r JOIN experiments AS e "
                              "ON e.id = r.experiment_id UNION ALL "
                              "SELECT m.model_id, m.source_run_id, m.artifact_uri, 1, m.deleted_ms IS NULL AND "
                              "m.status <> 3 OR EXISTS (SELECT 1 FROM model_versions AS v WHERE v.model_id = "
                              "m.model_id AND v.stage <> '" STAGE_DELETED "'), "
                              "coalesce(m.deleted_ms, e.deleted_ms, -1), e.id FROM logged_models AS m "
                              "JOIN experiments AS e ON e.id = m.experiment_id");
    return stmt_read_rows(s, read_owner, sizeof **ret, arena, ret, ret_count, err);
}

static void read_experiment(struct stmt *s, struct arena *arena, void *item)
{
    *(struct holding_experiment *)item = (struct holding_experiment){
        .id = stmt_column_int(s, 0),
        .name = stmt_column_text(s, 1, arena),
        .deleted_ms = stmt_column_int(s, 2),
    };
}

int store_holding_experiments(struct store *store, struct arena *arena, struct holding_experiment **ret,
                              size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT id, name, deleted_ms FROM experiments WHERE deleted_ms IS NOT NULL "
                                     "ORDER BY id");
    return stmt_read_rows(s, read_experiment, sizeof **ret, arena, ret, ret_count, err);
}

static void read_entry(struct stmt *s, struct arena *arena, void *item)
{
    *(struct holding_entry *)item = (struct holding_entry){
        .key = stmt_column_text(s, 0, arena),
        .pipeline = stmt_column_text(s, 1, arena),
        .step = stmt_column_text(s, 2, arena),
        .matrix = stmt_column_text(s, 3, arena),
        .run_id = stmt_column_text(s, 4, arena),
        .model_id = stmt_column_text_or_null(s, 5, arena),
        .used_ms = stmt_column_int(s, 6),
    };
}

int store_holding_entries(struct store *store, struct arena *arena, struct holding_entry **ret, size_t *ret_count,
                          struct err *err)
{
    struct stmt *s = stmt_get(store, "WITH uses AS (SELECT k.key, max(r.created_ms) AS at FROM step_keys AS k "
                                     "JOIN pipeline_runs AS r USING (run_id) GROUP BY k.key) "
                                     "SELECT e.key, e.pipeline, e.step, e.matrix, e.run_id, s.model_id, "
                                     "max(e.created_ms, coalesce(u.at, 0)) AS used FROM cache_entries AS e "
                                     "LEFT JOIN uses AS u ON u.key = e.key LEFT JOIN steps AS s "
                                     "ON s.run_id = e.run_id AND s.position = e.position AND s.item = e.item "
                                     "ORDER BY used DESC, e.key");
    return stmt_read_rows(s, read_entry, sizeof **ret, arena, ret, ret_count, err);
}

static void read_digest(struct stmt *s, struct arena *arena, void *item)
{
    *(struct holding_digest *)item = (struct holding_digest){
        .path = stmt_column_text(s, 0, arena),
        .stamp = stmt_column_text(s, 1, arena),
    };
}

int store_holding_digests(struct store *store, struct arena *arena, struct holding_digest **ret, size_t *ret_count,
                          struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT path, stamp FROM file_digests ORDER BY path");
    return stmt_read_rows(s, read_digest, sizeof **ret, arena, ret, ret_count, err);
}

/* By kind: `id`, `text`. What a run was carried from, what its steps were given from other runs, what it pinned, the
 * models that it read. */
static const char *const holding_queries[] = {
    [HOLDING_USE] = "SELECT run_id, retry_of FROM pipeline_runs WHERE retry_of IS NOT NULL UNION ALL "
                    "SELECT run_id, contexts FROM pipeline_runs UNION ALL "
                    "SELECT run_id, coalesce(step_run_id, '') || ' ' || coalesce(model_id, '') FROM steps "
                    "WHERE step_run_id IS NOT NULL OR model_id IS NOT NULL UNION ALL "
                    "SELECT run_id, model_id FROM run_models WHERE is_output = 0",
    [HOLDING_VERSION] =
        "SELECT v.name || '/' || v.version || coalesce(' (' || (SELECT group_concat(a.alias, ', ') FROM model_aliases "
        "AS a WHERE a.name = v.name AND a.version = v.version) || ')', ''), "
        "coalesce(v.model_id, '') || ' ' || coalesce(v.run_id, '') || ' ' || v.source FROM model_versions AS v "
        "WHERE v.stage <> 'Deleted_Internal' ORDER BY v.name, v.version",
    [HOLDING_JUDGED] = "SELECT run_id, model_id FROM gates WHERE model_id IS NOT NULL",
    [HOLDING_APPROVED] = "SELECT run_id, spec FROM waits WHERE kind = 'approval'",
};

int store_holding_each(struct store *store, enum holding_kind kind,
                       void (*take)(void *ctx, enum holding_kind kind, const char *id, struct str text), void *ctx,
                       struct err *err)
{
    struct stmt *s = stmt_get(store, holding_queries[kind]);
    struct arena *row_arena = arena_new();
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        const char *id = stmt_column_text(s, 0, row_arena);
        take(ctx, kind, id, str_from(stmt_column_text(s, 1, row_arena)));
        arena_reset(row_arena);
    }
    stmt_done(s);
    arena_free(row_arena);
    return row;
}

int store_holding_publishes(struct store *store, const char *owner, const char *path, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT 1 FROM artifacts WHERE owner = :owner AND (path = :path OR "
                                     "(path > :path || '/' AND path < :path || '0')) LIMIT 1");
    stmt_text(s, ":owner", owner);
    stmt_text(s, ":path", path);
    int row = stmt_step(s, err);
    stmt_done(s);
    return row;
}

/* ---- what holds now ---------------------------------------------------------------------------------------------- */

static int is_so(struct store *store, const char *sql, const char *id, struct err *err)
{
    struct stmt *s = stmt_get(store, sql);
    stmt_text(s, ":id", id);
    int row = stmt_step(s, err);
    stmt_done(s);
    return row;
}

int store_holding_has_ended(struct store *store, const char *run_id, struct err *err)
{
    return is_so(store, "SELECT 1 FROM pipeline_runs WHERE run_id = :id AND ended_ms IS NOT NULL", run_id, err);
}

int store_holding_label(struct store *store, const char *run_id, struct arena *arena, const char **ret_label,
                        struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT pipeline || '/' || number || iif(revision > 1, '.' || revision, '') "
                                     "FROM pipeline_runs WHERE run_id = :id");
    stmt_text(s, ":id", run_id);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret_label = stmt_column_text(s, 0, arena);
    }
    stmt_done(s);
    return row;
}

int store_holding_is_known(struct store *store, const char *id, struct err *err)
{
    return is_so(store, "SELECT 1 FROM pipeline_runs WHERE run_id = :id UNION ALL "
                        "SELECT 1 FROM runs WHERE run_id = :id UNION ALL "
                        "SELECT 1 FROM logged_models WHERE model_id = :id AND deleted_ms IS NULL AND status <> 3 "
                        "UNION ALL SELECT 1 FROM traces WHERE request_id = :id LIMIT 1",
                 id, err);
}

int store_holding_is_deleted(struct store *store, const char *kind, const char *id, struct err *err)
{
    static const struct {
        const char *kind, *sql;
    } questions[] = {
        {"run", "SELECT 1 FROM runs AS r JOIN experiments AS e ON e.id = r.experiment_id WHERE r.run_id = :id AND "
                "coalesce(r.deleted_ms, e.deleted_ms) IS NOT NULL"},
        {"model", "SELECT 1 FROM logged_models AS m JOIN experiments AS e ON e.id = m.experiment_id WHERE "
                  "m.model_id = :id AND coalesce(m.deleted_ms, e.deleted_ms) IS NOT NULL"},
        {"experiment", "SELECT 1 FROM experiments AS e WHERE e.id = CAST(:id AS INTEGER) AND e.deleted_ms IS NOT NULL "
                       "AND NOT EXISTS (SELECT 1 FROM runs WHERE experiment_id = e.id) "
                       "AND NOT EXISTS (SELECT 1 FROM logged_models WHERE experiment_id = e.id)"},
    };
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        if (strcmp(questions[i].kind, kind) == 0) {
            return is_so(store, questions[i].sql, id, err);
        }
    }
    return 0;
}
