/* SPDX-License-Identifier: Apache-2.0 */
#include "store/waits.h"

#include "store/stmt.h"


static void bind_time(struct stmt *s, const char *name, int64_t ms)
{
    if (ms == 0) {
        stmt_null(s, name);
    } else {
        stmt_int(s, name, ms);
    }
}

int store_wait_insert(struct store *store, struct wait_row *wait, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "INSERT INTO waits (attempt, run_id, position, item, kind, spec, state, status, check_ms, expires_ms, "
               "created_ms) VALUES (:attempt, :run_id, :position, :item, :kind, :spec, :state, 'open', :check, "
               ":expires, :created)");
    stmt_int(s, ":attempt", wait->attempt);
    stmt_text(s, ":run_id", wait->run_id);
    stmt_int(s, ":position", wait->position);
    stmt_int(s, ":item", wait->item);
    stmt_text(s, ":kind", wait->kind);
    stmt_text(s, ":spec", wait->spec);
    stmt_text(s, ":state", wait->state);
    bind_time(s, ":check", wait->check_ms);
    bind_time(s, ":expires", wait->expires_ms);
    stmt_int(s, ":created", wait->created_ms);
    if (stmt_run_one(s, "inserting a wait", err) < 0) {
        return -1;
    }
    wait->id = stmt_last_id(store);
    return 0;
}

int store_wait_update(struct store *store, const struct wait_row *wait, struct err *err)
{
    struct stmt *s = stmt_get(
        store,
        "UPDATE waits SET spec = :spec, check_ms = :check, expires_ms = :expires, status = :status, "
        "outcome = :outcome, ended_ms = :ended WHERE id = :id AND status = 'open'");
    stmt_int(s, ":id", wait->id);
    stmt_text(s, ":spec", wait->spec);
    bind_time(s, ":check", wait->check_ms);
    bind_time(s, ":expires", wait->expires_ms);
    stmt_text(s, ":status", wait->status);
    stmt_text(s, ":outcome", wait->outcome);
    bind_time(s, ":ended", wait->ended_ms);
    return stmt_run_one(s, "updating a wait", err);
}

int store_wait_list(struct store *store, const char *run_id, bool all, struct arena *arena, struct wait_row **ret,
                    size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "SELECT id, attempt, run_id, position, item, kind, spec, state, status, outcome, check_ms, expires_ms, "
               "created_ms, ended_ms FROM waits WHERE (:run_id IS NULL OR run_id = :run_id) "
               "AND (:all = 1 OR status = 'open') ORDER BY id");
    stmt_text(s, ":run_id", run_id);
    stmt_int(s, ":all", all ? 1 : 0);
    struct wait_row *items = NULL;
    size_t count = 0;
    size_t room = 0;
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        items = arena_grow(arena, items, count, &room, sizeof *items);
        items[count++] = (struct wait_row){
            .id = stmt_column_int(s, 0),
            .attempt = stmt_column_int(s, 1),
            .run_id = stmt_column_text(s, 2, arena),
            .position = stmt_column_int(s, 3),
            .item = stmt_column_int(s, 4),
            .kind = stmt_column_text(s, 5, arena),
            .spec = stmt_column_text(s, 6, arena),
            .state = stmt_column_text(s, 7, arena),
            .status = stmt_column_text(s, 8, arena),
            .outcome = stmt_column_text_or_null(s, 9, arena),
            .check_ms = stmt_column_int(s, 10),
            .expires_ms = stmt_column_int(s, 11),
            .created_ms = stmt_column_int(s, 12),
            .ended_ms = stmt_column_int(s, 13),
        };
    }
    stmt_done(s);
    *ret = items;
    *ret_count = count;
    return row;
}

int store_vote_put(struct store *store, int64_t wait, const struct vote *vote, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "INSERT INTO votes (wait, actor, decision, reason, groups, at_ms) "
               "VALUES (:wait, :actor, :decision, :reason, :groups, :at) "
               "ON CONFLICT (wait, actor) DO UPDATE SET decision = excluded.decision, reason = excluded.reason, "
               "groups = excluded.groups, at_ms = excluded.at_ms");
    stmt_int(s, ":wait", wait);
    stmt_text(s, ":actor", vote->actor);
    stmt_text(s, ":decision", vote->decision);
    stmt_text(s, ":reason", vote->reason);
    stmt_text(s, ":groups", vote->groups);
    stmt_int(s, ":at", vote->at_ms);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

int store_vote_list(struct store *store, int64_t wait, struct arena *arena, struct vote **ret, size_t *ret_count,
                    struct err *err)
{
    struct stmt *s =
        stmt_get(store, "SELECT actor, decision, reason, groups, at_ms FROM votes WHERE wait = :wait ORDER BY at_ms");
    stmt_int(s, ":wait", wait);
    struct vote *items = NULL;
    size_t count = 0;
    size_t room = 0;
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        items = arena_grow(arena, items, count, &room, sizeof *items);
        items[count++] = (struct vote){
            .actor = stmt_column_text(s, 0, arena),
            .decision = stmt_column_text(s, 1, arena),
            .reason = stmt_column_text(s, 2, arena),
            .groups = stmt_column_text(s, 3, arena),
            .at_ms = stmt_column_int(s, 4),
        };
    }
    stmt_done(s);
    *ret = items;
    *ret_count = count;
    return row;
}
