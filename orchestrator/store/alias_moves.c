/* SPDX-License-Identifier: Apache-2.0 */
#include "store/alias_moves.h"

#include "store/activity.h"
#include "store/guards.h"
#include "store/registry_internal.h"

static const char *text(const char *given)
{
    return given == NULL ? "" : given;
}

static void bind_version(struct stmt *s, const char *name, int64_t version)
{
    if (version == 0) {
        stmt_null(s, name);
    } else {
        stmt_int(s, name, version);
    }
}

/* ---- aliases and stages --------------------------------------------------------------------------------------- */

static int add_move(struct store *store, const struct alias_move *move, const char *approvals, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "INSERT INTO alias_moves (name, kind, alias, from_version, to_version, model_id, at_ms, actor, door, "
               "reason, run_id, standing, approvals, evidence_sha256, files_sha256) VALUES (:name, :kind, :alias, "
               ":from, :to, :model, :at, :actor, :door, :reason, :run, :standing, :approvals, :evidence, :files)");
    stmt_text(s, ":name", move->name);
    stmt_text(s, ":kind", move->kind);
    stmt_text(s, ":alias", move->alias);
    bind_version(s, ":from", move->from_version);
    bind_version(s, ":to", move->to_version);
    stmt_text(s, ":model", move->model_id);
    stmt_int(s, ":at", move->at_ms);
    stmt_text(s, ":actor", text(move->actor));
    stmt_text(s, ":door", text(move->door));
    stmt_text(s, ":reason", text(move->reason));
    stmt_text(s, ":run", move->run_id);
    stmt_text(s, ":standing", move->standing);
    stmt_text(s, ":approvals", approvals);
    stmt_text(s, ":evidence", text(move->evidence_sha256));
    stmt_text(s, ":files", move->files_sha256);
    return stmt_run_one(s, "recording the move of an alias", err);
}

void alias_move_fill(struct alias_move *move, const struct mover *by, const struct guard_answer *answer)
{
    move->actor = by == NULL ? "sluice" : by->actor;
    move->door = by == NULL ? "" : by->door;
    move->reason = by == NULL ? "" : text(by->reason);
    move->run_id = by == NULL ? NULL : by->run_id;
    move->standing = answer->count == 0 ? "open" : answer->rolled_back ? "free" : "guarded";
    move->approvals = answer->approvals;
    move->evidence_sha256 = answer->evidence_sha256;
    move->files_sha256 = answer->files_sha256;
}

int alias_move_record(struct store *store, const struct alias_move *move, struct err *err)
{
    struct arena *arena = arena_new();
    bool is_alias = strcmp(move->kind, "alias") == 0;
    const char *reason = text(move->reason);
    struct activity entry = {
        .at_ms = move->at_ms,
        .actor = text(move->actor),
        .action = !is_alias ? "stage.moved" : move->to_version == 0 ? "alias.removed" : "alias.moved",
        .object = is_alias ? arena_printf(arena, "model %s@%s", move->name, move->alias)
                           : arena_printf(arena, "model %s in %s", move->name, move->alias),
        .object_id = move->name,
        .from_state = move->from_version == 0 ? "" : arena_printf(arena, "%lld", (long long)move->from_version),
        .to_state = move->to_version == 0 ? "" : arena_printf(arena, "%lld", (long long)move->to_version),
        .reason = *text(move->door) == '\0' || strcmp(move->door, "step") == 0
                      ? reason
                      : arena_printf(arena, "%s%sby %s", reason, *reason == '\0' ? "" : ", ", move->door),
        .evidence_sha256 = text(move->evidence_sha256),
    };
    const char *approvals = move->approvals.type == JSON_ARRAY ? json_text(arena, &move->approvals).p : "[]";
    int result = add_move(store, move, approvals, err) < 0 ? -1 : store_activity_append(store, &entry, err);
    arena_free(arena);
    return result;
}

int alias_was_there(struct store *store, const struct alias_move *move, bool *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT 1 FROM alias_moves WHERE name = :name AND kind = :kind AND alias = :alias "
                                     "AND to_version = :version AND model_id = :model AND standing <> 'open' "
                                     "AND coalesce(files_sha256, :files) = :files LIMIT 1");
    stmt_text(s, ":name", move->name);
    stmt_text(s, ":kind", move->kind);
    stmt_text(s, ":alias", move->alias);
    stmt_int(s, ":version", move->to_version);
    stmt_text(s, ":model", move->model_id);
    stmt_text(s, ":files", move->files_sha256);
    int row = stmt_step(s, err);
    stmt_done(s);
    *ret = row == 1;
    return row < 0 ? -1 : 0;
}

static void read_move(struct stmt *s, struct arena *arena, void *item)
{
    struct alias_move move = {
        .id = stmt_column_int(s, 0),
        .name = stmt_column_text(s, 1, arena),
        .kind = stmt_column_text(s, 2, arena),
        .alias = stmt_column_text(s, 3, arena),
        .from_version = stmt_column_int(s, 4),
        .to_version = stmt_column_int(s, 5),
        .model_id = stmt_column_text_or_null(s, 6, arena),
        .at_ms = stmt_column_int(s, 7),
        .actor = stmt_column_text(s, 8, arena),
        .door = stmt_column_text(s, 9, arena),
        .reason = stmt_column_text(s, 10, arena),
        .run_id = stmt_column_text_or_null(s, 11, arena),
        .standing = stmt_column_text(s, 12, arena),
        .approvals = json_array(),
        .evidence_sha256 = stmt_column_text(s, 14, arena),
    };
    (void)json_read(str_from(stmt_column_text(s, 13, arena)), (struct json_limits){0}, arena, &move.approvals, NULL);
    *(struct alias_move *)item = move;
}

#define MOVE_COLUMNS                                                                                                   \
    "SELECT id, name, kind, alias, from_version, to_version, model_id, at_ms, actor, door, reason, run_id, standing, " \
    "approvals, evidence_sha256 FROM alias_moves "

int store_alias_moves(struct store *store, const char *name, int64_t until_ms, struct arena *arena,
                      struct alias_move **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s =
        stmt_get(store, MOVE_COLUMNS "WHERE name = :name AND (:until = 0 OR at_ms <= :until) ORDER BY id");
    stmt_text(s, ":name", name);
    stmt_int(s, ":until", until_ms);
    return stmt_read_rows(s, read_move, sizeof **ret, arena, ret, ret_count, err);
}

/* Is a version that was there before one to go back to: the same model under the same number, by right? */
static int is_good(struct store *store, const struct alias_move *move, struct arena *arena, const char **ret_why,
                   struct err *err)
{
    struct model_version version;
    struct guard_answer answer;
    struct err gone = {0};
    *ret_why = NULL;
    if (store_version_get(store, move->name, move->to_version, arena, &version, &gone) < 0) {
        *ret_why = "it is deleted";
        return store_has_failed(&gone) ? err_set(err, gone.code, "%s", gone.message) : 0;
    }
    if ((version.model_id == NULL) != (move->model_id == NULL) ||
        (version.model_id != NULL && strcmp(version.model_id, move->model_id) != 0)) {
        *ret_why = "its number is another model's now";
        return 0;
    }
    const struct guard_question question = {
        .kind = GUARD_ALIAS, .names = &move->alias, .name_count = 1, .model = move->name, .version = move->to_version};
    if (guard_check(store, &question, arena, &answer, err) < 0) {
        return -1;
    }
    if (answer.count > 0 && strcmp(move->standing, "open") == 0 && *answer.lacks != '\0') {
        *ret_why = "no approval stood behind it";
    } else if (*answer.lacks != '\0') {
        *ret_why = arena_printf(arena, "it lacks %s", answer.lacks);
    }
    return 0;
}

int store_alias_before(struct store *store, const char *name, const char *alias, struct arena *arena,
                       struct alias_move *ret, int64_t *ret_now, struct err *err)
{
    struct alias_move *moves = NULL;
    size_t count = 0;
    const char *why = NULL;
    const char *passed = "";
    if (registry_require(store, name, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, MOVE_COLUMNS "WHERE name = :name AND kind = 'alias' AND alias = :alias "
                                                  "AND to_version IS NOT NULL ORDER BY id DESC");
    stmt_text(s, ":name", name);
    stmt_text(s, ":alias", alias);
    if (stmt_read_rows(s, read_move, sizeof *moves, arena, &moves, &count, err) < 0 ||
        store_alias_get(store, name, alias, ret_now, err) < 0) {
        return -1;
    }
    /* Where a rollback has gone back to, what it left is not gone back to by the next one. */
    struct json left = json_object();
    for (size_t i = 0; i < count; i++) {
        const char *version = arena_printf(arena, "%lld", (long long)moves[i].to_version);
        if (strcmp(moves[i].door, "rollback") == 0 && moves[i].from_version != 0) {
            json_set(arena, &left, arena_printf(arena, "%lld", (long long)moves[i].from_version), json_bool(true));
        }
        if (moves[i].to_version == *ret_now || json_get(&left, version) != NULL) {
            continue;
        }
        if (is_good(store, &moves[i], arena, &why, err) < 0) {
            return -1;
        }
        if (why == NULL) {
            *ret = moves[i];
            return 0;
        }
        json_set(arena, &left, version, json_bool(true));
        passed = arena_printf(arena, "%s%sversion %s: %s", passed, *passed == '\0' ? " (" : "; ", version, why);
    }
    return err_set(err, ERR_STATE, "there is no version that '%s' of '%s' could go back to%s%s", alias, name, passed,
                   *passed == '\0' ? ": no other has held it" : ")");
}

/* ---- deployments ------------------------------------------------------------------------------------------------ */

int store_deployment_add(struct store *store, const struct deployment_row *row, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "INSERT INTO deployments (target, state, name, version, model_id, from_model, to_model, sha256, at_ms, "
               "actor, run_id, reason, stage, stages, weight) VALUES (:target, :state, :name, :version, :model, :from, "
               ":to, :sha256, :at, :actor, :run, :reason, :stage, :stages, :weight)");
    stmt_text(s, ":target", row->target);
    stmt_text(s, ":state", row->state);
    stmt_text(s, ":name", row->name);
    bind_version(s, ":version", row->version);
    stmt_text(s, ":model", text(row->model_id));
    stmt_text(s, ":from", text(row->from_model));
    stmt_text(s, ":to", text(row->to_model));
    stmt_text(s, ":sha256", text(row->sha256));
    stmt_int(s, ":at", row->at_ms);
    stmt_text(s, ":actor", text(row->actor));
    stmt_text(s, ":run", text(row->run_id));
    stmt_text(s, ":reason", text(row->reason));
    bind_version(s, ":stage", row->stage);
    bind_version(s, ":stages", row->stages);
    if (row->weight < 0) {
        stmt_null(s, ":weight");
    } else {
        stmt_real(s, ":weight", row->weight);
    }
    return stmt_run_one(s, "recording a deployment", err);
}

static void read_deployment(struct stmt *s, struct arena *arena, void *item)
{
    *(struct deployment_row *)item = (struct deployment_row){
        .id = stmt_column_int(s, 0),
        .target = stmt_column_text(s, 1, arena),
        .state = stmt_column_text(s, 2, arena),
        .name = stmt_column_text_or_null(s, 3, arena),
        .version = stmt_column_int(s, 4),
        .model_id = stmt_column_text(s, 5, arena),
        .from_model = stmt_column_text(s, 6, arena),
        .to_model = stmt_column_text(s, 7, arena),
        .sha256 = stmt_column_text(s, 8, arena),
        .at_ms = stmt_column_int(s, 9),
        .actor = stmt_column_text(s, 10, arena),
        .run_id = stmt_column_text(s, 11, arena),
        .reason = stmt_column_text(s, 12, arena),
        .stage = stmt_column_int(s, 13),
        .stages = stmt_column_int(s, 14),
        .weight = stmt_column_real(s, 15),
    };
}

int store_deployments(struct store *store, const char *name, int64_t until_ms, struct arena *arena,
                      struct deployment_row **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT id, target, state, name, version, model_id, from_model, to_model, sha256, "
                                     "at_ms, actor, run_id, reason, stage, stages, coalesce(weight, -1) "
                                     "FROM deployments WHERE name = :name "
                                     "AND (:until = 0 OR at_ms <= :until) ORDER BY id");
    stmt_text(s, ":name", name);
    stmt_int(s, ":until", until_ms);
    return stmt_read_rows(s, read_deployment, sizeof **ret, arena, ret, ret_count, err);
}
