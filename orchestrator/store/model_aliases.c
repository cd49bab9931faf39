/* SPDX-License-Identifier: Apache-2.0
 * Aliases: store_alias_set alone moves, makes and deletes them.
 */
#include "store/guards.h"
#include "store/model_events.h"
#include "store/registry_internal.h"
#include "store/webhook_events.h"

#include <strings.h>

int store_alias_get(struct store *store, const char *name, const char *alias, int64_t *ret_version, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT version FROM model_aliases WHERE name = :name AND alias = :alias");
    stmt_text(s, ":name", name);
    stmt_text(s, ":alias", alias);
    int row = stmt_step(s, err);
    *ret_version = row == 1 ? stmt_column_int(s, 0) : 0;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

static int refuse_expectation(const char *name, const char *alias, int64_t expect, int64_t found, struct err *err)
{
    if (found == 0) {
        return err_set(err, ERR_STATE, "alias '%s' of '%s' was expected at version %lld, but it points to none", alias,
                       name, (long long)expect);
    }
    if (expect == 0) {
        return err_set(err, ERR_STATE, "alias '%s' of '%s' was expected not to exist, but it points to version %lld",
                       alias, name, (long long)found);
    }
    return err_set(err, ERR_STATE, "alias '%s' of '%s' was expected at version %lld, but it points to version %lld",
                   alias, name, (long long)expect, (long long)found);
}

static int write_alias(struct store *store, const char *name, const char *alias, int64_t version, int64_t now_ms,
                       struct err *err)
{
    struct stmt *s = version == 0
                         ? stmt_get(store, "DELETE FROM model_aliases WHERE name = :name AND alias = :alias")
                         : stmt_get(store, "INSERT INTO model_aliases (name, alias, version, moved_ms) VALUES (:name, "
                                           ":alias, :version, :now) ON CONFLICT (name, alias) DO UPDATE SET "
                                           "version = excluded.version, moved_ms = excluded.moved_ms");
    stmt_text(s, ":name", name);
    stmt_text(s, ":alias", alias);
    if (version != 0) {
        stmt_int(s, ":version", version);
        stmt_int(s, ":now", now_ms);
    }
    return stmt_run_one(s, "moving an alias", err);
}

/* The alias points to another version, or to none: if nothing that guards it is lacking. */
static int change_alias(struct store *store, const struct alias_move *move, const struct mover *by,
                        struct arena *arena, struct err *err)
{
    struct alias_move record = *move;
    struct guard_answer answer;
    const struct guard_question question = {
        .kind = GUARD_ALIAS,
        .names = &move->alias,
        .name_count = 1,
        .model = move->name,
        .version = move->to_version != 0 ? move->to_version : move->from_version,
        .removes = move->to_version == 0,
    };
    const struct model_event event = {
        .kind = MODEL_EVENT_ALIAS,
        .action = move->to_version == 0 ? "deleted" : "set",
        .name = move->name,
        .version = question.version,
        .previous = move->from_version,
        .what = move->alias,
        .by = by,
    };
    if (guard_require(store, &question, arena, &answer, err) < 0) {
        return -1;
    }
    alias_move_fill(&record, by, &answer);
    return write_alias(store, move->name, move->alias, move->to_version, move->at_ms, err) < 0 ||
                   event_alias(store, move->name, move->alias, move->to_version, move->at_ms, err) < 0 ||
                   alias_move_record(store, &record, err) < 0
               ? -1
               : model_event_tell(store, &event, move->at_ms, err);
}

static int set_alias(struct store *store, const struct alias_move *asked, int64_t expect, const struct mover *by,
                     struct arena *arena, int64_t *ret_previous, struct err *err)
{
    struct alias_move move = *asked;
    struct model_version target = {0};
    const char *alias = move.alias;
    if ((move.to_version != 0 ? alias_check(alias, err) : alias_name_check(alias, err)) < 0 ||
        store_alias_get(store, move.name, alias, &move.from_version, err) < 0) {
        return -1;
    }
    int64_t about = move.to_version != 0 ? move.to_version : move.from_version;
    if (about != 0 && store_version_get(store, move.name, about, arena, &target, err) < 0) {
        return -1;
    }
    *ret_previous = move.from_version;
    if (expect >= 0 && expect != move.from_version) {
        return refuse_expectation(move.name, alias, expect, move.from_version, err);
    }
    move.model_id = target.model_id;
    return move.from_version == move.to_version ? 0 : change_alias(store, &move, by, arena, err);
}

int store_alias_set(struct store *store, const char *name, const char *alias, int64_t version, int64_t expect,
                    const struct mover *by, int64_t now_ms, int64_t *ret_previous, struct err *err)
{
    struct arena *arena = arena_new();
    const struct alias_move move = {
        .name = name, .kind = "alias", .alias = alias, .to_version = version, .at_ms = now_ms};
    int result = set_alias(store, &move, expect, by, arena, ret_previous, err);
    arena_free(arena);
    return result;
}

int store_alias_list(struct store *store, const char *name, struct arena *arena, struct json *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT alias, version FROM model_aliases WHERE name = :name ORDER BY alias");
    struct json map = json_object();
    int row = 0;
    stmt_text(s, ":name", name);
    while ((row = stmt_step(s, err)) == 1) {
        json_add(arena, &map, stmt_column_text(s, 0, arena), json_int(stmt_column_int(s, 1)));
    }
    stmt_done(s);
    *ret = map;
    return row;
}

int store_alias_delete(struct store *store, const char *name, const char *alias, const struct mover *by, int64_t now_ms,
                       int64_t *ret_previous, struct err *err)
{
    return registry_require(store, name, err) < 0
               ? -1
               : store_alias_set(store, name, alias, 0, -1, by, now_ms, ret_previous, err);
}

static int find_newest(struct store *store, const char *name, struct arena *arena, struct model_version *ret,
                       struct err *err)
{
    struct registered_model model;
    if (store_registry_get(store, name, arena, &model, err) < 0) {
        return -1;
    }
    if (model.latest_version == 0) {
        (void)err_set(err, ERR_NOT_FOUND, "the registered model '%s' has no versions", name);
        return err_as_mlflow(err, "Latest version not found for model %s.", name);
    }
    return store_version_get(store, name, model.latest_version, arena, ret, err);
}

int store_version_by_alias(struct store *store, const char *name, const char *alias, struct arena *arena,
                           struct model_version *ret, struct err *err)
{
    int64_t version = 0;
    if (alias_name_check(alias, err) < 0) {
        return -1;
    }
    if (strcasecmp(alias, "latest") == 0) {
        return find_newest(store, name, arena, ret, err);
    }
    if (registry_require(store, name, err) < 0 || store_alias_get(store, name, alias, &version, err) < 0) {
        return -1;
    }
    if (version == 0) {
        (void)err_set(err, ERR_INPUT, "the registered model '%s' has no alias '%s'", name, alias);
        return err_as_mlflow(err, "Registered model alias %s not found.", alias);
    }
    return store_version_get(store, name, version, arena, ret, err);
}

int store_version_aliases(struct store *store, const char *name, int64_t version, struct arena *arena,
                          const char ***ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT alias FROM model_aliases WHERE name = :name AND version = :version "
                                     "ORDER BY alias");
    stmt_text(s, ":name", name);
    stmt_int(s, ":version", version);
    return stmt_read_rows(s, stmt_read_text, sizeof **ret, arena, ret, ret_count, err);
}
