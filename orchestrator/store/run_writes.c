/* SPDX-License-Identifier: Apache-2.0 */
#include "store/run_writes.h"

#include "store/stmt.h"

/* The run (a FROM that yields its id and parent) and those above it. */
#define WITH_ABOVE(start)                                                                                              \
    "WITH RECURSIVE above(run_id, parent) AS (" start " UNION SELECT p.run_id, p.parent_run_id FROM above "            \
    "JOIN runs AS p ON p.run_id = above.parent) "

static int is_known(struct store *store, const char *run_id, int64_t since_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT 1 FROM run_writes WHERE run_id = :run AND at_ms > :since");
    stmt_text(s, ":run", run_id);
    stmt_int(s, ":since", since_ms);
    int row = stmt_step(s, err);
    stmt_done(s);
    return row;
}

int store_run_wrote(struct store *store, const char *run_id, int64_t now_ms, int64_t grain_ms, struct err *err)
{
    int known = is_known(store, run_id, now_ms - grain_ms, err);
    if (known != 0) {
        return known < 0 ? -1 : 0;
    }
    struct stmt *s = stmt_get(store, "INSERT INTO run_writes (run_id, at_ms) "
                                     WITH_ABOVE("SELECT run_id, parent_run_id FROM runs WHERE run_id = :run")
                                     "SELECT run_id, :now FROM above WHERE true "
                                     "ON CONFLICT (run_id) DO UPDATE SET at_ms = excluded.at_ms");
    stmt_text(s, ":run", run_id);
    stmt_int(s, ":now", now_ms);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

int store_run_writes_follow(struct store *store, int64_t now_ms, struct err *err)
{
    struct stmt *forget = stmt_get(store, "DELETE FROM run_writes WHERE NOT EXISTS (SELECT 1 FROM runs AS r "
                                          "WHERE r.run_id = run_writes.run_id AND r.status = 'RUNNING')");
    if (stmt_run(forget, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "INSERT INTO run_writes (run_id, at_ms) SELECT run_id, :now FROM runs "
                                     "WHERE status = 'RUNNING' ON CONFLICT (run_id) DO NOTHING");
    stmt_int(s, ":now", now_ms);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

int store_run_writes_silent(struct store *store, int64_t before_ms, int64_t limit, struct arena *arena,
                            struct silent_run **ret, size_t *ret_count, struct err *err)
{
    struct silent_run *runs = NULL;
    size_t count = 0;
    size_t room = 0;
    int row = 0;
    struct stmt *s = stmt_get(
        store, "SELECT r.run_id, w.at_ms FROM run_writes AS w JOIN runs AS r USING (run_id) WHERE w.at_ms <= :before "
               "AND r.status = 'RUNNING' AND r.deleted_ms IS NULL AND NOT EXISTS ("
               WITH_ABOVE("SELECT r.run_id, r.parent_run_id")
               "SELECT 1 FROM above JOIN pipeline_runs AS q USING (run_id) WHERE q.ended_ms IS NULL) "
               "ORDER BY w.at_ms, r.run_id LIMIT :limit");
    stmt_int(s, ":before", before_ms);
    stmt_int(s, ":limit", limit);
    while ((row = stmt_step(s, err)) == 1) {
        runs = arena_grow(arena, runs, count, &room, sizeof *runs);
        runs[count++] = (struct silent_run){stmt_column_text(s, 0, arena), stmt_column_int(s, 1)};
    }
    stmt_done(s);
    *ret = runs;
    *ret_count = count;
    return row;
}

int store_run_writes_move(struct store *store, int64_t by_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE run_writes SET at_ms = at_ms + :by");
    stmt_int(s, ":by", by_ms);
    return stmt_run(s, err) < 0 ? -1 : 0;
}
