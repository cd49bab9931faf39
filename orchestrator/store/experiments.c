/* SPDX-License-Identifier: Apache-2.0 */
#include "store/experiments.h"

#include "base/utf8.h"
#include "store/key_rules.h"
#include "store/stmt.h"

enum { NAME_CHARACTERS_MAX = 500, TAG_CHARACTERS_MAX = 20000 };

/* Runs share the lifecycle of their experiment: a deleted one has none to count. */
#define EXPERIMENT_COLUMNS                                                                                             \
    "e.id, e.name, e.artifact_location, e.deleted_ms IS NOT NULL, e.created_ms, e.updated_ms, "                        \
    "(SELECT COUNT(*) FROM runs AS r WHERE r.experiment_id = e.id AND r.deleted_ms IS NULL AND e.deleted_ms IS NULL)"

static void read_experiment(struct stmt *s, struct arena *arena, struct experiment *ret)
{
    *ret = (struct experiment){
        .id = stmt_column_int(s, 0),
        .name = stmt_column_text(s, 1, arena),
        .artifact_location = stmt_column_text(s, 2, arena),
        .deleted = stmt_column_int(s, 3) != 0,
        .created_ms = stmt_column_int(s, 4),
        .updated_ms = stmt_column_int(s, 5),
        .run_count = stmt_column_int(s, 6),
    };
}

static int check_name(const char *name, struct err *err)
{
    if (name == NULL || *name == '\0') {
        return err_set(err, ERR_INPUT, "Invalid experiment name: ''");
    }
    if (!utf8_valid(str_from(name))) {
        return err_set(err, ERR_INPUT, "Invalid experiment name: expected UTF-8");
    }
    return value_check_length("name", name, NAME_CHARACTERS_MAX, err);
}

/* 1 found, 0 not. */
static int find_by_name(struct store *store, const char *name, int64_t *ret_id, bool *ret_deleted, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT id, deleted_ms IS NOT NULL FROM experiments WHERE name = :name");
    stmt_text(s, ":name", name);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret_id = stmt_column_int(s, 0);
        *ret_deleted = stmt_column_int(s, 1) != 0;
    }
    stmt_done(s);
    return row;
}

int store_experiment_ensure(struct store *store, const char *name, int64_t now_ms, int64_t *ret_id, struct err *err)
{
    int64_t id = 0;
    bool deleted = false;
    if (check_name(name, err) < 0) {
        return -1;
    }
    int found = find_by_name(store, name, &id, &deleted, err);
    if (found < 0) {
        return -1;
    }
    if (deleted) {
        return err_set(err, ERR_STATE, "the experiment '%s' (%lld) is deleted: restore it or choose another name", name,
                       (long long)id);
    }
    if (found == 0) {
        struct stmt *s = stmt_get(store, "INSERT INTO experiments (name, created_ms, updated_ms) "
                                         "VALUES (:name, :now, :now)");
        stmt_text(s, ":name", name);
        stmt_int(s, ":now", now_ms);
        if (stmt_run_one(s, "inserting an experiment", err) < 0) {
            return -1;
        }
        id = stmt_last_id(store);
    }
    *ret_id = id;
    return 0;
}

int store_experiment_get(struct store *store, int64_t id, struct arena *arena, struct experiment *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " EXPERIMENT_COLUMNS " FROM experiments AS e WHERE e.id = :id");
    stmt_int(s, ":id", id);
    int row = stmt_step(s, err);
    if (row == 1) {
        read_experiment(s, arena, ret);
    }
    stmt_done(s);
    if (row == 0) {
        return err_set(err, ERR_NOT_FOUND, "No Experiment with id=%lld exists", (long long)id);
    }
    return row < 0 ? -1 : 0;
}

int store_experiment_require_active(struct store *store, int64_t id, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT deleted_ms IS NOT NULL FROM experiments WHERE id = :id");
    stmt_int(s, ":id", id);
    int row = stmt_step(s, err);
    bool deleted = row == 1 && stmt_column_int(s, 0) != 0;
    stmt_done(s);
    if (row == 0) {
        return err_set(err, ERR_NOT_FOUND, "No Experiment with id=%lld exists", (long long)id);
    }
    if (deleted) {
        return err_set(err, ERR_INPUT, "The experiment %lld must be in the 'active' state. Current state is deleted.",
                       (long long)id);
    }
    return row < 0 ? -1 : 0;
}

int store_experiment_set_tag(struct store *store, int64_t id, const char *key, const char *value, struct err *err)
{
    if (key_check_whole("key", "key", key, err) < 0 ||
        value_check_length("value", value, TAG_CHARACTERS_MAX, err) < 0 ||
        store_experiment_require_active(store, id, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "INSERT INTO experiment_tags (experiment_id, key, value) "
                                     "VALUES (:id, :key, :value) ON CONFLICT (experiment_id, key) "
                                     "DO UPDATE SET value = excluded.value");
    stmt_int(s, ":id", id);
    stmt_text(s, ":key", key);
    stmt_text(s, ":value", value == NULL ? "" : value);
    return stmt_run_one(s, "setting a tag of an experiment", err);
}

int store_experiment_list(struct store *store, struct arena *arena, struct experiment **ret, size_t *ret_count,
                          struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " EXPERIMENT_COLUMNS " FROM experiments AS e WHERE e.deleted_ms IS NULL "
                                     "ORDER BY MAX(e.updated_ms, COALESCE((SELECT MAX(r.start_ms) FROM runs AS r "
                                     "WHERE r.experiment_id = e.id), 0)) DESC, e.id DESC");
    struct experiment *items = NULL;
    size_t count = 0;
    size_t room = 0;
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        items = arena_grow(arena, items, count, &room, sizeof *items);
        read_experiment(s, arena, &items[count++]);
    }
    stmt_done(s);
    *ret = items;
    *ret_count = count;
    return row;
}
