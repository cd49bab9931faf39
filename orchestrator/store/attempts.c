/* SPDX-License-Identifier: Apache-2.0 */
#include "store/steps.h"

#include "store/leases.h"
#include "store/removals.h"
#include "store/stmt.h"

#define ATTEMPT_COLUMNS                                                                                                \
    "id, run_id, position, item, number, state, reason, mark, step_run_id, runner, boot_id, pid, start_ticks, "        \
    "spawning, exit, result, wait, started_ms, ended_ms, stopping, early, session"

int store_attempt_insert(struct store *store, struct attempt_row *attempt, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "INSERT INTO attempts (id, run_id, position, item, number, state, mark, step_run_id, runner, boot_id, "
               "started_ms, early) VALUES (:id, :run_id, :position, :item, :number, :state, :mark, :step_run_id, "
               ":runner, :boot_id, :started, :early)");
    stmt_int(s, ":early", attempt->early ? 1 : 0);
    if (attempt->id == 0) {
        stmt_null(s, ":id");
    } else {
        stmt_int(s, ":id", attempt->id);
    }
    stmt_text(s, ":run_id", attempt->run_id);
    stmt_int(s, ":position", attempt->position);
    stmt_int(s, ":item", attempt->item);
    stmt_int(s, ":number", attempt->number);
    stmt_text(s, ":state", attempt_state_name(attempt->state));
    stmt_text(s, ":mark", attempt->mark);
    stmt_text(s, ":step_run_id", attempt->step_run_id);
    stmt_text(s, ":runner", attempt->runner);
    stmt_text(s, ":boot_id", attempt->boot_id);
    stmt_int(s, ":started", attempt->started_ms);
    if (stmt_run_one(s, "inserting an attempt", err) < 0) {
        return -1;
    }
    attempt->id = stmt_last_id(store);
    return 0;
}

int store_attempt_update(struct store *store, const struct attempt_row *attempt, struct err *err)
{
    struct stmt *s = stmt_get(
        store,
        "UPDATE attempts SET state = :state, reason = :reason, runner = :runner, boot_id = :boot_id, pid = :pid, "
        "start_ticks = :start_ticks, session = :session, spawning = :spawning, exit = :exit, result = :result, "
        "wait = :wait, stopping = :stopping, started_ms = :started, ended_ms = :ended "
        "WHERE id = :id AND ended_ms IS NULL");
    stmt_int(s, ":id", attempt->id);
    stmt_text(s, ":state", attempt_state_name(attempt->state));
    stmt_text(s, ":reason", attempt->reason);
    stmt_text(s, ":runner", attempt->runner);
    stmt_text(s, ":boot_id", attempt->boot_id);
    stmt_int(s, ":pid", attempt->pid);
    stmt_int(s, ":start_ticks", attempt->start_ticks);
    stmt_int(s, ":session", attempt->session);
    stmt_int(s, ":spawning", attempt->spawning ? 1 : 0);
    stmt_text(s, ":exit", attempt->exit);
    stmt_text(s, ":result", attempt->result);
    stmt_text(s, ":wait", attempt->wait);
    stmt_text(s, ":stopping", attempt->stopping);
    stmt_int(s, ":started", attempt->started_ms);
    if (attempt->ended_ms == 0) {
        stmt_null(s, ":ended");
    } else {
        stmt_int(s, ":ended", attempt->ended_ms);
    }
    if (stmt_run_one(s, "updating an attempt", err) < 0) {
        return -1;
    }
    bool holds = attempt->state == ATTEMPT_STATE_STARTING || attempt->state == ATTEMPT_STATE_RUNNING;
    return holds ? 0 : store_leases_drop(store, attempt->id, err);
}

int store_attempt_take_back(struct store *store, const struct attempt_row *attempt, struct err *err)
{
    struct stmt *item =
        stmt_get(store, "DELETE FROM steps WHERE run_id = :run_id AND position = :position AND item = :item");
    stmt_text(item, ":run_id", attempt->run_id);
    stmt_int(item, ":position", attempt->position);
    stmt_int(item, ":item", attempt->item);
    if (stmt_run(item, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "DELETE FROM attempts WHERE id = :id");
    stmt_int(s, ":id", attempt->id);
    return stmt_run_one(s, "taking back an attempt", err) < 0 ? -1
                                                              : store_remove_run(store, attempt->step_run_id, err);
}

int store_attempt_last_id(struct store *store, int64_t *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT max(given, (SELECT coalesce(max(id), 0) FROM attempts)) FROM attempt_ids");
    int row = stmt_step(s, err);
    *ret = row == 1 ? stmt_column_int(s, 0) : 0;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

int store_attempts_of_another_boot(struct store *store, const char *run_id, const char *boot_id, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT 1 FROM attempts WHERE run_id = :run AND boot_id <> :boot LIMIT 1");
    stmt_text(s, ":run", run_id);
    stmt_text(s, ":boot", boot_id);
    int row = stmt_step(s, err);
    stmt_done(s);
    return row;
}

int store_attempt_ids_give(struct store *store, int64_t upto, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE attempt_ids SET given = :upto");
    stmt_int(s, ":upto", upto);
    return stmt_run_one(s, "giving out ids of attempts", err);
}

/* A text in the arena; without one, in the statement, until its next row. */
static const char *text_of(struct stmt *s, int column, struct arena *arena)
{
    return arena != NULL ? stmt_column_text(s, column, arena) : stmt_column_view(s, column).p;
}

static const char *text_or_null(struct stmt *s, int column, struct arena *arena)
{
    return stmt_column_is_null(s, column) ? NULL : text_of(s, column, arena);
}

static void read_attempt(struct stmt *s, struct arena *arena, void *item)
{
    struct attempt_row *ret = item;
    *ret = (struct attempt_row){
        .id = stmt_column_int(s, 0),
        .run_id = text_of(s, 1, arena),
        .position = stmt_column_int(s, 2),
        .item = stmt_column_int(s, 3),
        .number = stmt_column_int(s, 4),
        .state = (enum attempt_state)attempt_state_parse(stmt_column_view(s, 5).p),
        .reason = text_or_null(s, 6, arena),
        .mark = text_of(s, 7, arena),
        .step_run_id = text_of(s, 8, arena),
        .runner = text_of(s, 9, arena),
        .boot_id = text_of(s, 10, arena),
        .pid = stmt_column_int(s, 11),
        .start_ticks = stmt_column_int(s, 12),
        .spawning = stmt_column_int(s, 13) != 0,
        .exit = text_or_null(s, 14, arena),
        .result = text_or_null(s, 15, arena),
        .wait = text_or_null(s, 16, arena),
        .started_ms = stmt_column_int(s, 17),
        .ended_ms = stmt_column_int(s, 18),
        .stopping = text_or_null(s, 19, arena),
        .early = stmt_column_int(s, 20) != 0,
        .session = stmt_column_int(s, 21),
    };
}

int store_attempt_get(struct store *store, int64_t id, struct arena *arena, struct attempt_row *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE id = :id");
    stmt_int(s, ":id", id);
    int row = stmt_read_row(s, read_attempt, arena, ret, err);
    if (row == 0) {
        return err_set(err, ERR_NOT_FOUND, "no attempt %lld", (long long)id);
    }
    return row < 0 ? -1 : 0;
}

int store_attempt_list(struct store *store, const char *run_id, struct arena *arena, struct attempt_row **ret,
                       size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE run_id = :run_id ORDER BY id");
    stmt_text(s, ":run_id", run_id);
    return stmt_read_rows(s, read_attempt, sizeof **ret, arena, ret, ret_count, err);
}

int store_attempts_open(struct store *store, void (*take)(void *ctx, const struct attempt_row *attempt), void *ctx,
                        struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE ended_ms IS NULL ORDER BY id");
    struct attempt_row attempt;
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        read_attempt(s, NULL, &attempt);
        take(ctx, &attempt);
    }
    stmt_done(s);
    return row;
}

int store_call_put(struct store *store, int64_t attempt, int64_t seq, struct str reply, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO attempt_calls (attempt, seq, reply) VALUES (:attempt, :seq, :reply)");
    stmt_int(s, ":attempt", attempt);
    stmt_int(s, ":seq", seq);
    stmt_str(s, ":reply", reply);
    return stmt_run_one(s, "recording an answer", err);
}

int store_call_get(struct store *store, int64_t attempt, int64_t seq, struct arena *arena, struct str *ret_reply,
                   struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT reply FROM attempt_calls WHERE attempt = :attempt AND seq = :seq");
    stmt_int(s, ":attempt", attempt);
    stmt_int(s, ":seq", seq);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret_reply = str_from(stmt_column_text(s, 0, arena));
    }
    stmt_done(s);
    return row;
}

int store_attempt_origin(struct store *store, int64_t id, struct arena *arena, struct attempt_origin *ret,
                         struct err *err)
{
    struct stmt *s = stmt_get(
        store, "SELECT s.step, r.run_id, r.pipeline, r.number || CASE WHEN r.revision > 1 THEN '.' || r.revision ELSE "
               "'' END, r.actor FROM attempts AS a JOIN steps AS s ON s.run_id = a.run_id AND s.position = a.position "
               "AND s.item = a.item JOIN pipeline_runs AS r ON r.run_id = a.run_id WHERE a.id = :id");
    stmt_int(s, ":id", id);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = (struct attempt_origin){
            .step = stmt_column_text(s, 0, arena),
            .run_id = stmt_column_text(s, 1, arena),
            .pipeline = stmt_column_text(s, 2, arena),
            .label = stmt_column_text(s, 3, arena),
            .actor = stmt_column_text(s, 4, arena),
        };
    }
    stmt_done(s);
    return row;
}
