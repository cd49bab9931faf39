/* SPDX-License-Identifier: Apache-2.0 */
#include "store/run_before.h"

#include "store/stmt.h"

/* Of many runs that a schedule makes up for in one turn, and that have one time, those that come after are not gone
 * through. */
#define BEFORE                                                                                                         \
    "FROM pipeline_runs WHERE pipeline = :pipeline AND (created_ms, number, revision) < (:created, :number, "          \
    ":revision) AND parent_run IS NULL AND trigger <> 'replay' AND "

static struct stmt *ask(struct store *store, const char *sql, const struct pipeline_run *run)
{
    struct stmt *s = stmt_get(store, sql);
    stmt_text(s, ":pipeline", run->pipeline);
    stmt_int(s, ":created", run->created_ms);
    stmt_int(s, ":number", run->number);
    stmt_int(s, ":revision", run->revision);
    return s;
}

int store_run_last_good(struct store *store, const struct pipeline_run *run, struct arena *arena, const char **ret,
                        struct err *err)
{
    struct stmt *s = ask(store, "SELECT run_id " BEFORE "state = 'succeeded' AND verdict <> 'refused' "
                                "ORDER BY created_ms DESC, number DESC, revision DESC LIMIT 1", run);
    int row = stmt_step(s, err);
    *ret = row == 1 ? stmt_column_text(s, 0, arena) : NULL;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

int store_run_follows_failure(struct store *store, const struct pipeline_run *run, struct err *err)
{
    struct stmt *s = ask(store, "SELECT state = 'failed' OR verdict = 'refused' " BEFORE
                                "state IN ('failed', 'succeeded') "
                                "ORDER BY created_ms DESC, number DESC, revision DESC LIMIT 1", run);
    int row = stmt_step(s, err);
    int result = row == 1 ? stmt_column_int(s, 0) != 0 : row;
    stmt_done(s);
    return result;
}

int store_run_inputs_seen(struct store *store, const char *run_id, struct arena *arena, struct json *ret,
                          struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT s.step || '.' || substr(t.key, 14), substr(t.value, instr(t.value, "
                                     "'sha256:')) FROM steps AS s JOIN run_tags AS t ON t.run_id = s.step_run_id "
                                     "WHERE s.run_id = :run AND s.item >= 0 AND t.key >= 'sluice.input.' AND "
                                     "t.key < 'sluice.input/' AND instr(t.value, 'sha256:') > 0 LIMIT 1000");
    int row = 0;
    *ret = json_object();
    stmt_text(s, ":run", run_id);
    while ((row = stmt_step(s, err)) == 1) {
        json_set(arena, ret, stmt_column_text(s, 0, arena), json_cstring(arena, stmt_column_text(s, 1, arena)));
    }
    stmt_done(s);
    return row;
}

int store_run_failed_attempt(struct store *store, const char *run_id, struct arena *arena, int64_t *ret_id,
                             const char **ret_step, const char **ret_reason, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT a.id, s.step, coalesce(a.reason, '') FROM attempts AS a JOIN steps AS s "
                                     "ON s.run_id = a.run_id AND s.position = a.position AND s.item = a.item "
                                     "WHERE a.run_id = :run AND a.state IN ('failed', 'timed_out', 'lost') "
                                     "AND s.state = 'failed' ORDER BY a.id DESC LIMIT 1");
    stmt_text(s, ":run", run_id);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret_id = stmt_column_int(s, 0);
        *ret_step = stmt_column_text(s, 1, arena);
        *ret_reason = stmt_column_text(s, 2, arena);
    }
    stmt_done(s);
    return row;
}

int store_approved_version(struct store *store, const char *run_id, struct arena *arena, const char **ret_name,
                           int64_t *ret_version, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT v.name, v.version FROM waits AS w JOIN model_versions AS v "
                                     "ON v.model_id = w.model_id WHERE w.run_id = :run AND w.kind = 'approval' "
                                     "ORDER BY w.id DESC, v.version DESC LIMIT 1");
    stmt_text(s, ":run", run_id);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret_name = stmt_column_text(s, 0, arena);
        *ret_version = stmt_column_int(s, 1);
    }
    stmt_done(s);
    return row < 0 ? -1 : 0;
}
