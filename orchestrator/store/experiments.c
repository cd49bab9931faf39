/* SPDX-License-Identifier: Apache-2.0 */
#include "store/experiments.h"

#include "base/utf8.h"
#include "store/key_rules.h"
#include "store/stmt.h"
#include "store/store_internal.h"

enum { NAME_CHARACTERS_MAX = 500, TAG_CHARACTERS_MAX = 20000 };

/* Runs share the lifecycle of their experiment: a deleted one has none to count. */
#define EXPERIMENT_COLUMNS                                                                                             \
    "e.id, e.name, e.artifact_location, e.deleted_ms IS NOT NULL, e.created_ms, e.updated_ms, "                        \
    "(SELECT COUNT(*) FROM runs AS r WHERE r.experiment_id = e.id AND r.deleted_ms IS NULL AND e.deleted_ms IS NULL)"

static void read_experiment(struct stmt *s, struct arena *arena, void *item)
{
    struct experiment *ret = item;
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

static int put_tags(struct store *store, int64_t id, const struct pair *tags, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct stmt *s = stmt_get(store, "INSERT INTO experiment_tags (experiment_id, key, value) "
                                         "VALUES (:id, :key, :value) ON CONFLICT (experiment_id, key) "
                                         "DO UPDATE SET value = excluded.value");
        stmt_int(s, ":id", id);
        stmt_text(s, ":key", tags[i].key);
        stmt_text(s, ":value", tags[i].value == NULL ? "" : tags[i].value);
        if (stmt_run_one(s, "setting a tag of an experiment", err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int check_tags(const struct pair *tags, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (key_check_whole("key", "key", tags[i].key, err) < 0 ||
            value_check_length("value", tags[i].value, TAG_CHARACTERS_MAX, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int taken(const char *name, struct err *err)
{
    return err_set(err, ERR_EXISTS, "Experiment(name=%s) already exists.", name);
}

static int insert(struct store *store, const char *name, const char *artifact_location, int64_t now_ms,
                  int64_t *ret_id, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO experiments (name, artifact_location, created_ms, updated_ms) "
                                     "VALUES (:name, :location, :now, :now) ON CONFLICT (name) DO NOTHING");
    stmt_text(s, ":name", name);
    stmt_text(s, ":location", artifact_location == NULL ? "" : artifact_location);
    stmt_int(s, ":now", now_ms);
    int64_t changed = stmt_run(s, err);
    if (changed <= 0) {
        return changed < 0 ? -1 : taken(name, err);
    }
    *ret_id = stmt_last_id(store);
    return 0;
}

/* One that is there, and not deleted. */
static void know_active(struct store *store, int64_t id)
{
    store->known.has_experiment = store->in_transaction;
    store->known.experiment = id;
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
        if (insert(store, name, NULL, now_ms, &id, err) < 0) {
            return -1;
        }
    }
    know_active(store, id);
    *ret_id = id;
    return 0;
}

int store_experiment_create(struct store *store, const char *name, const char *artifact_location,
                            const struct pair *tags, size_t tag_count, int64_t now_ms, int64_t *ret_id,
                            struct err *err)
{
    int64_t id = 0;
    if (check_name(name, err) < 0 || check_tags(tags, tag_count, err) < 0 ||
        insert(store, name, artifact_location, now_ms, &id, err) < 0 || put_tags(store, id, tags, tag_count, err) < 0) {
        return -1;
    }
    *ret_id = id;
    return 0;
}

static int not_found(int64_t id, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "No Experiment with id=%lld exists", (long long)id);
}

static int read_one(struct stmt *s, struct arena *arena, struct experiment *ret, struct err *err)
{
    return stmt_read_row(s, read_experiment, arena, ret, err);
}

int store_experiment_get(struct store *store, int64_t id, struct arena *arena, struct experiment *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " EXPERIMENT_COLUMNS " FROM experiments AS e WHERE e.id = :id");
    stmt_int(s, ":id", id);
    int row = read_one(s, arena, ret, err);
    return row == 0 ? not_found(id, err) : row < 0 ? -1 : 0;
}

int store_experiment_find(struct store *store, const char *name, struct arena *arena, struct experiment *ret,
                          struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " EXPERIMENT_COLUMNS " FROM experiments AS e WHERE e.name = :name");
    stmt_text(s, ":name", name);
    int row = read_one(s, arena, ret, err);
    if (row == 0) {
        return err_set(err, ERR_NOT_FOUND, "Could not find experiment with name '%s'", name);
    }
    return row < 0 ? -1 : 0;
}

int store_experiment_require_active(struct store *store, int64_t id, struct err *err)
{
    if (store->known.has_experiment && store->known.experiment == id) {
        return 0;
    }
    struct stmt *s = stmt_get(store, "SELECT deleted_ms IS NOT NULL FROM experiments WHERE id = :id");
    stmt_int(s, ":id", id);
    int row = stmt_step(s, err);
    bool deleted = row == 1 && stmt_column_int(s, 0) != 0;
    stmt_done(s);
    if (row == 0) {
        return not_found(id, err);
    }
    if (deleted) {
        return err_set(err, ERR_INPUT, "The experiment %lld must be in the 'active' state. Current state is deleted.",
                       (long long)id);
    }
    if (row < 0) {
        return -1;
    }
    know_active(store, id);
    return 0;
}

/* ---- tags ---------------------------------------------------------------------------------------------------- */

int store_experiment_set_tag(struct store *store, int64_t id, const char *key, const char *value, struct err *err)
{
    const struct pair tag = {key, value};
    if (check_tags(&tag, 1, err) < 0 || store_experiment_require_active(store, id, err) < 0) {
        return -1;
    }
    return put_tags(store, id, &tag, 1, err);
}

int store_experiment_delete_tag(struct store *store, int64_t id, const char *key, struct err *err)
{
    if (store_experiment_require_active(store, id, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "DELETE FROM experiment_tags WHERE experiment_id = :id AND key = :key");
    stmt_int(s, ":id", id);
    stmt_text(s, ":key", key);
    int64_t changed = stmt_run(s, err);
    if (changed == 0) {
        return err_set(err, ERR_NOT_FOUND, "No tag with name: %s in experiment with id %lld", key, (long long)id);
    }
    return changed < 0 ? -1 : 0;
}

int store_experiment_tags(struct store *store, int64_t id, struct arena *arena, struct json *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT key, value FROM experiment_tags WHERE experiment_id = :id ORDER BY key");
    stmt_int(s, ":id", id);
    return stmt_read_map(s, arena, ret, err);
}

/* ---- lifecycle ----------------------------------------------------------------------------------------------- */

/* `s` changes the experiment if it is in the state that this needs. */
static int change(struct stmt *s, int64_t id, int64_t now_ms, struct err *err)
{
    stmt_int(s, ":id", id);
    stmt_int(s, ":now", now_ms);
    int64_t changed = stmt_run(s, err);
    return changed == 0 ? not_found(id, err) : changed < 0 ? -1 : 0;
}

int store_experiment_delete(struct store *store, int64_t id, int64_t now_ms, struct err *err)
{
    store->known.has_experiment = false;
    return change(stmt_get(store, "UPDATE experiments SET deleted_ms = :now, updated_ms = :now WHERE id = :id "
                                  "AND deleted_ms IS NULL"),
                  id, now_ms, err);
}

static int restore_runs(struct store *store, int64_t id, struct err *err)
{
    struct stmt *s =
        stmt_get(store, "UPDATE runs SET deleted_ms = NULL WHERE experiment_id = :id AND deleted_ms IS NOT NULL");
    stmt_int(s, ":id", id);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

int store_experiment_restore(struct store *store, int64_t id, int64_t now_ms, struct err *err)
{
    return change(stmt_get(store, "UPDATE experiments SET deleted_ms = NULL, updated_ms = :now WHERE id = :id "
                                  "AND deleted_ms IS NOT NULL"),
                  id, now_ms, err) < 0
               ? -1
               : restore_runs(store, id, err);
}

int store_experiment_rename(struct store *store, int64_t id, const char *name, int64_t now_ms, struct err *err)
{
    struct err state = {0};
    int64_t other = 0;
    bool deleted = false;
    if (check_name(name, err) < 0) {
        return -1;
    }
    if (store_experiment_require_active(store, id, &state) < 0) {
        bool inactive = state.code == ERR_INPUT;
        return err_set(err, inactive ? ERR_STATE : state.code, "%s",
                       inactive ? "Cannot rename a non-active experiment." : state.message);
    }
    int found = find_by_name(store, name, &other, &deleted, err);
    if (found < 0 || (found == 1 && other != id)) {
        return found < 0 ? -1 : taken(name, err);
    }
    struct stmt *s = stmt_get(store, "UPDATE experiments SET name = :name, updated_ms = :now WHERE id = :id");
    stmt_text(s, ":name", name);
    return change(s, id, now_ms, err);
}

/* ---- lists --------------------------------------------------------------------------------------------------- */

int store_experiment_list(struct store *store, struct arena *arena, struct experiment **ret, size_t *ret_count,
                          struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " EXPERIMENT_COLUMNS " FROM experiments AS e WHERE e.deleted_ms IS NULL "
                                     "ORDER BY MAX(e.updated_ms, COALESCE((SELECT MAX(r.start_ms) FROM runs AS r "
                                     "WHERE r.experiment_id = e.id), 0)) DESC, e.id DESC");
    return stmt_read_rows(s, read_experiment, sizeof **ret, arena, ret, ret_count, err);
}

static void read_location(struct stmt *s, struct arena *arena, void *item)
{
    *(struct experiment_location *)item =
        (struct experiment_location){stmt_column_int(s, 0), stmt_column_text(s, 1, arena)};
}

int store_experiment_locations(struct store *store, struct arena *arena, struct experiment_location **ret,
                               size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT id, artifact_location FROM experiments WHERE artifact_location <> ''");
    return stmt_read_rows(s, read_location, sizeof **ret, arena, ret, ret_count, err);
}
