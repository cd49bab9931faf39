/* SPDX-License-Identifier: Apache-2.0 */
#include "store/torn_runs.h"

#include "store/stmt.h"

/* By the tables that lack rows. An MLflow run is of use only with its experiment. */
static const char question[] =
    "SELECT p.run_id, 'runs' FROM pipeline_runs p WHERE p.ended_ms IS NULL AND NOT EXISTS (SELECT 1 FROM runs r "
    "JOIN experiments e ON e.id = r.experiment_id WHERE r.run_id = p.run_id) "
    "UNION ALL SELECT p.run_id, 'steps' FROM pipeline_runs p WHERE p.ended_ms IS NULL AND NOT EXISTS (SELECT 1 FROM "
    "steps s WHERE s.run_id = p.run_id AND s.item = -1) "
    "UNION ALL SELECT a.run_id, 'steps' FROM attempts a WHERE a.ended_ms IS NULL AND NOT EXISTS (SELECT 1 FROM steps s "
    "WHERE s.run_id = a.run_id AND s.position = a.position AND s.item = a.item) "
    "UNION ALL SELECT a.run_id, 'runs' FROM attempts a WHERE a.ended_ms IS NULL AND NOT EXISTS (SELECT 1 FROM runs r "
    "WHERE r.run_id = a.step_run_id) "
    "UNION ALL SELECT s.run_id, CASE WHEN s.child_run_id IS NULL THEN 'attempts' ELSE 'pipeline_runs' END FROM "
    "pipeline_runs p JOIN steps s ON s.run_id = p.run_id WHERE p.ended_ms IS NULL AND s.item >= 0 AND s.state IN "
    "('active', 'waiting') AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.run_id = s.run_id AND a.position = "
    "s.position AND a.item = s.item AND a.ended_ms IS NULL) AND NOT EXISTS (SELECT 1 FROM pipeline_runs c WHERE "
    "c.run_id = s.child_run_id)";

static void read_torn_run(struct stmt *s, struct arena *arena, void *item)
{
    *(struct torn_run *)item = (struct torn_run){
        .run_id = stmt_column_text(s, 0, arena),
        .table = stmt_column_text(s, 1, arena),
    };
}

int store_torn_runs(struct store *store, struct arena *arena, struct torn_run **ret, size_t *ret_count,
                    struct err *err)
{
    struct stmt *s = stmt_get(store, question);
    return stmt_read_rows(s, read_torn_run, sizeof **ret, arena, ret, ret_count, err);
}
