/* SPDX-License-Identifier: Apache-2.0 */
#include "store/waits.h"

#include "base/json.h"
#include "base/vec.h"
#include "store/guards.h"
#include "store/stmt.h"

#include <strings.h>

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
               "created_ms, model_id) VALUES (:attempt, :run_id, :position, :item, :kind, :spec, :state, 'open', "
               ":check, "
               ":expires, :created, :model)");
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
    stmt_text(s, ":model", wait->model_id);
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

#define WAIT_COLUMNS                                                                                                   \
    "id, attempt, run_id, position, item, kind, spec, state, status, outcome, check_ms, expires_ms, created_ms, "      \
    "ended_ms"

static void read_wait(struct stmt *s, struct arena *arena, void *item)
{
    *(struct wait_row *)item = (struct wait_row){
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

/* A home has few open waits among all there were: without the index by name, SQLite reads all of them in the order of
 * their ids. */
static struct stmt *list_statement(struct store *store, const char *run_id, bool all)
{
    if (run_id == NULL) {
        return all ? stmt_get(store, "SELECT " WAIT_COLUMNS " FROM waits ORDER BY id")
                   : stmt_get(store, "SELECT " WAIT_COLUMNS " FROM waits INDEXED BY waits_open WHERE status = 'open' "
                                     "ORDER BY id");
    }
    struct stmt *s =
        all ? stmt_get(store, "SELECT " WAIT_COLUMNS " FROM waits WHERE run_id = :run_id ORDER BY id")
            : stmt_get(store, "SELECT " WAIT_COLUMNS " FROM waits INDEXED BY waits_open WHERE run_id = :run_id "
                              "AND status = 'open' ORDER BY id");
    stmt_text(s, ":run_id", run_id);
    return s;
}

int store_wait_get(struct store *store, int64_t id, struct arena *arena, struct wait_row *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " WAIT_COLUMNS " FROM waits WHERE id = :id");
    stmt_int(s, ":id", id);
    int row = stmt_read_row(s, read_wait, arena, ret, err);
    return row == 0 ? err_set(err, ERR_NOT_FOUND, "no wait %lld", (long long)id) : row < 0 ? -1 : 0;
}

int store_wait_list(struct store *store, const char *run_id, bool all, struct arena *arena, struct wait_row **ret,
                    size_t *ret_count, struct err *err)
{
    struct stmt *s = list_statement(store, run_id, all);
    return stmt_read_rows(s, read_wait, sizeof **ret, arena, ret, ret_count, err);
}

int store_wait_list_of(struct store *store, const char *model_id, struct arena *arena, struct wait_row **ret,
                       size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " WAIT_COLUMNS " FROM waits WHERE model_id = :model ORDER BY id");
    stmt_text(s, ":model", model_id);
    return stmt_read_rows(s, read_wait, sizeof **ret, arena, ret, ret_count, err);
}

int store_waits_due(struct store *store, const char *kind, int64_t now_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE waits INDEXED BY waits_open SET check_ms = :now WHERE status = 'open' "
                                     "AND kind = :kind");
    stmt_text(s, ":kind", kind);
    stmt_int(s, ":now", now_ms);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

/* The first of two times, 0 being none. */
static int64_t sooner(int64_t a_ms, int64_t b_ms)
{
    return b_ms == 0 || (a_ms != 0 && a_ms < b_ms) ? a_ms : b_ms;
}

/* The whole row of each id. */
static int read_due(struct store *store, const int64_t *ids, size_t count, struct arena *arena, struct wait_row *ret,
                    struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct stmt *s = stmt_get(store, "SELECT " WAIT_COLUMNS " FROM waits WHERE id = :id");
        stmt_int(s, ":id", ids[i]);
        int row = stmt_step(s, err);
        if (row == 1) {
            read_wait(s, arena, &ret[i]);
        }
        stmt_done(s);
        if (row != 1) {
            return row < 0 ? -1 : err_set(err, ERR_CORRUPT, "no wait %lld", (long long)ids[i]);
        }
    }
    return 0;
}

int store_wait_list_due(struct store *store, int64_t now_ms, struct arena *arena, struct wait_row **ret,
                        size_t *ret_count, int64_t *ret_next_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT id, check_ms, expires_ms FROM waits INDEXED BY waits_timed WHERE "
                                     "status = 'open' AND (check_ms IS NOT NULL OR expires_ms IS NOT NULL) "
                                     "ORDER BY id");
    int64_t *ids = NULL;
    size_t count = 0;
    size_t room = 0;
    int64_t next_ms = 0;
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        int64_t first_ms = sooner(stmt_column_int(s, 1), stmt_column_int(s, 2));
        if (first_ms <= now_ms) {
            ids = arena_grow(arena, ids, count, &room, sizeof *ids);
            ids[count++] = stmt_column_int(s, 0);
        } else {
            next_ms = sooner(next_ms, first_ms);
        }
    }
    stmt_done(s);
    struct wait_row *due = arena_array(arena, count, sizeof *due);
    if (row < 0 || read_due(store, ids, count, arena, due, err) < 0) {
        return -1;
    }
    *ret = due;
    *ret_count = count;
    *ret_next_ms = next_ms;
    return 0;
}

int store_wait_approvals(struct store *store, const char *run_id, struct arena *arena, struct run_place **ret,
                         size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT position, item FROM waits INDEXED BY waits_open WHERE run_id = :run_id "
                                     "AND status = 'open' AND kind = 'approval' ORDER BY position, item");
    struct run_place *places = NULL;
    size_t count = 0;
    size_t room = 0;
    int row = 0;
    stmt_text(s, ":run_id", run_id);
    while ((row = stmt_step(s, err)) == 1) {
        places = arena_grow(arena, places, count, &room, sizeof *places);
        places[count++] = (struct run_place){(size_t)stmt_column_int(s, 0), (size_t)stmt_column_int(s, 1)};
    }
    stmt_done(s);
    *ret = places;
    *ret_count = count;
    return row;
}

static int withdraw(struct store *store, int64_t id, int64_t now_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE waits SET status = 'withdrawn', check_ms = NULL, ended_ms = :now "
                                     "WHERE id = :id AND status = 'open'");
    stmt_int(s, ":now", now_ms);
    stmt_int(s, ":id", id);
    return stmt_run_one(s, "withdrawing a wait", err);
}

int store_waits_withdraw(struct store *store, const struct run *run, int64_t now_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT id, position, item FROM waits INDEXED BY waits_open "
                                     "WHERE run_id = :run_id AND status = 'open' ORDER BY id");
    struct {
        VEC_OF(int64_t)
    } ids = {0};
    int row = 0;
    stmt_text(s, ":run_id", run->run_id);
    while ((row = stmt_step(s, err)) == 1) {
        struct run_place place = {(size_t)stmt_column_int(s, 1), (size_t)stmt_column_int(s, 2)};
        if (run_item_at(run, place)->state != STEP_STATE_WAITING) {
            vec_push(&ids, stmt_column_int(s, 0));
        }
    }
    stmt_done(s);
    for (size_t i = 0; row == 0 && i < ids.count; i++) {
        row = withdraw(store, ids.items[i], now_ms, err);
    }
    vec_clear(&ids);
    return row;
}

int store_wait_approvals_of(struct store *store, const char *model_name, int64_t version, const char *step,
                            struct arena *arena, struct wait_row **ret, size_t *ret_count, struct err *err)
{
    struct wait_row *all = NULL;
    size_t count = 0;
    size_t kept = 0;
    if (store_wait_list(store, NULL, false, arena, &all, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json spec = json_null();
        bool is_approval = strcmp(all[i].kind, "approval") == 0;
        if (is_approval && json_read(str_from(all[i].spec), (struct json_limits){0}, arena, &spec, NULL) == 0 &&
            strcmp(json_get_text(&spec, "model_name", ""), model_name) == 0 &&
            json_get_int(&spec, "model_version", 0) == version &&
            strcasecmp(json_get_text(&spec, "step", ""), step) == 0) {
            all[kept++] = all[i];
        }
    }
    *ret = all;
    *ret_count = kept;
    return 0;
}

int store_waits_open(struct store *store, struct arena *arena, int64_t **ret_attempts, size_t *ret_count,
                     struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT attempt FROM waits INDEXED BY waits_open WHERE status = 'open' "
                                     "ORDER BY attempt");
    int64_t *attempts = NULL;
    size_t count = 0;
    size_t room = 0;
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        attempts = arena_grow(arena, attempts, count, &room, sizeof *attempts);
        attempts[count++] = stmt_column_int(s, 0);
    }
    stmt_done(s);
    *ret_attempts = attempts;
    *ret_count = count;
    return row;
}

int store_wait_last(struct store *store, const char *run_id, int64_t attempt, struct arena *arena, struct wait_row *ret,
                    struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " WAIT_COLUMNS " FROM waits INDEXED BY waits_of_run "
                                     "WHERE run_id = :run_id AND attempt = :attempt AND outcome IS NOT NULL "
                                     "ORDER BY id DESC LIMIT 1");
    stmt_text(s, ":run_id", run_id);
    stmt_int(s, ":attempt", attempt);
    return stmt_read_row(s, read_wait, arena, ret, err);
}

int store_vote_put(struct store *store, int64_t wait, const struct vote *vote, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "INSERT INTO votes (wait, actor, decision, reason, groups, at_ms, login, on_behalf_of) "
               "VALUES (:wait, :actor, :decision, :reason, :groups, :at, :login, :behalf) "
               "ON CONFLICT (wait, actor) DO UPDATE SET decision = excluded.decision, reason = excluded.reason, "
               "groups = excluded.groups, at_ms = excluded.at_ms, login = excluded.login, "
               "on_behalf_of = excluded.on_behalf_of");
    stmt_int(s, ":wait", wait);
    stmt_text(s, ":actor", vote->actor);
    stmt_text(s, ":decision", vote->decision);
    stmt_text(s, ":reason", vote->reason);
    stmt_text(s, ":groups", vote->groups);
    stmt_int(s, ":at", vote->at_ms);
    stmt_text(s, ":login", vote->login == NULL ? "system" : vote->login);
    stmt_text(s, ":behalf", vote->on_behalf_of);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

static void read_vote(struct stmt *s, struct arena *arena, void *item)
{
    *(struct vote *)item = (struct vote){
        .actor = stmt_column_text(s, 0, arena),
        .decision = stmt_column_text(s, 1, arena),
        .reason = stmt_column_text(s, 2, arena),
        .groups = stmt_column_text(s, 3, arena),
        .at_ms = stmt_column_int(s, 4),
        .login = stmt_column_text(s, 5, arena),
        .on_behalf_of = stmt_column_text_or_null(s, 6, arena),
    };
}

int store_vote_list(struct store *store, int64_t wait, struct arena *arena, struct vote **ret, size_t *ret_count,
                    struct err *err)
{
    struct stmt *s =
        stmt_get(store, "SELECT actor, decision, reason, groups, at_ms, login, on_behalf_of FROM votes "
                        "WHERE wait = :wait ORDER BY at_ms");
    stmt_int(s, ":wait", wait);
    return stmt_read_rows(s, read_vote, sizeof **ret, arena, ret, ret_count, err);
}

int store_vote_voices(struct store *store, int64_t wait, struct arena *arena, struct vote **ret_votes,
                      struct approval_vote **ret_voices, size_t *ret_count, struct err *err)
{
    if (store_vote_list(store, wait, arena, ret_votes, ret_count, err) < 0) {
        return -1;
    }
    struct approval_vote *voices = arena_array(arena, *ret_count, sizeof *voices);
    struct json *groups = arena_array(arena, *ret_count, sizeof *groups);
    struct json *speakers = arena_array(arena, *ret_count, sizeof *speakers);
    for (size_t i = 0; i < *ret_count; i++) {
        const struct vote *vote = &(*ret_votes)[i];
        groups[i] = json_array();
        (void)json_read(str_from(vote->groups), (struct json_limits){0}, arena, &groups[i], NULL);
        speakers[i] = store_groups_of(store, vote->actor, arena);
        voices[i] = (struct approval_vote){.actor = vote_voice(vote),
                                           .groups = &groups[i],
                                           .approve = strcmp(vote->decision, "approve") == 0,
                                           .speaker = vote->on_behalf_of == NULL ? NULL : vote->actor,
                                           .speaker_groups = &speakers[i]};
    }
    *ret_voices = voices;
    return 0;
}
