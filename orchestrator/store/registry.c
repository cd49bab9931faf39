/* SPDX-License-Identifier: Apache-2.0 */
#include "store/registry.h"

#include "store/key_rules.h"
#include "store/registry_names.h"
#include "store/stmt.h"

enum { TAG_CHARACTERS_MAX = 100000 };

/* ---- registering --------------------------------------------------------------------------------------- */

/* The version that the logged model is under this name already, 0 when it is none. */
static int find_existing(struct store *store, const char *name, const char *model_id, int64_t *ret_version,
                         struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT version FROM model_versions WHERE name = :name AND model_id = :model_id");
    stmt_text(s, ":name", name);
    stmt_text(s, ":model_id", model_id);
    int row = stmt_step(s, err);
    *ret_version = row == 1 ? stmt_column_int(s, 0) : 0;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

/* Creates the registered model at need, and takes the next number. */
static int next_version(struct store *store, const char *name, int64_t now_ms, int64_t *ret_version, struct err *err)
{
    struct stmt *s =
        stmt_get(store, "INSERT INTO registered_models (name, description, last_version, created_ms, updated_ms) "
                        "VALUES (:name, '', 1, :now, :now) ON CONFLICT (name) DO UPDATE SET "
                        "last_version = last_version + 1, updated_ms = excluded.updated_ms RETURNING last_version");
    stmt_text(s, ":name", name);
    stmt_int(s, ":now", now_ms);
    int row = stmt_step(s, err);
    *ret_version = row == 1 ? stmt_column_int(s, 0) : 0;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

static const char *text_or(const char *text, const char *otherwise)
{
    return text == NULL || *text == '\0' ? otherwise : text;
}

int store_registry_register(struct store *store, const char *name, const struct model_version *version, int64_t now_ms,
                            int64_t *ret_version, bool *ret_existing, struct err *err)
{
    int64_t number = 0;
    if (registered_name_check(name, err) < 0 ||
        (version->model_id != NULL && find_existing(store, name, version->model_id, &number, err) < 0)) {
        return -1;
    }
    *ret_existing = number != 0;
    if (number != 0) {
        *ret_version = number;
        return 0;
    }
    if (next_version(store, name, now_ms, &number, err) < 0) {
        return -1;
    }
    struct stmt *s =
        stmt_get(store, "INSERT INTO model_versions (name, version, model_id, source, run_id, user, description, "
                        "stage, status, created_ms, updated_ms) VALUES (:name, :version, :model_id, :source, "
                        ":run_id, :user, :description, :stage, :status, :now, :now)");
    stmt_text(s, ":name", name);
    stmt_int(s, ":version", number);
    stmt_text(s, ":model_id", version->model_id);
    stmt_text(s, ":source", text_or(version->source, ""));
    stmt_text(s, ":run_id", version->run_id);
    stmt_text(s, ":user", text_or(version->user, ""));
    stmt_text(s, ":description", text_or(version->description, ""));
    stmt_text(s, ":stage", text_or(version->stage, "None"));
    stmt_text(s, ":status", text_or(version->status, "READY"));
    stmt_int(s, ":now", now_ms);
    *ret_version = number;
    return stmt_run_one(s, "registering a model version", err);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static int no_model(const char *name, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "Registered Model with name=%s not found", name);
}

static struct registered_model read_model(struct stmt *s, struct arena *arena)
{
    return (struct registered_model){
        .name = stmt_column_text(s, 0, arena),
        .description = stmt_column_text(s, 1, arena),
        .created_ms = stmt_column_int(s, 2),
        .updated_ms = stmt_column_int(s, 3),
        .latest_version = stmt_column_int(s, 4),
    };
}

int store_registry_get(struct store *store, const char *name, struct arena *arena, struct registered_model *ret,
                       struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT m.name, m.description, m.created_ms, m.updated_ms, "
                                     "(SELECT max(v.version) FROM model_versions AS v WHERE v.name = m.name) "
                                     "FROM registered_models AS m WHERE m.name = :name");
    stmt_text(s, ":name", name);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = read_model(s, arena);
    }
    stmt_done(s);
    return row == 0 ? no_model(name, err) : row < 0 ? -1 : 0;
}

int store_registry_list(struct store *store, struct arena *arena, struct registered_model **ret, size_t *ret_count,
                        struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT m.name, m.description, m.created_ms, m.updated_ms, "
                                     "(SELECT max(v.version) FROM model_versions AS v WHERE v.name = m.name) "
                                     "FROM registered_models AS m ORDER BY m.name");
    struct registered_model *items = NULL;
    size_t count = 0;
    size_t room = 0;
    int row = 0;
    while ((row = stmt_step(s, err)) == 1) {
        items = arena_grow(arena, items, count, &room, sizeof *items);
        items[count++] = read_model(s, arena);
    }
    stmt_done(s);
    *ret = items;
    *ret_count = count;
    return row;
}

#define VERSION_COLUMNS                                                                                                \
    "SELECT name, version, model_id, source, run_id, user, description, stage, status, created_ms, updated_ms "        \
    "FROM model_versions WHERE name = :name "

static struct model_version read_version(struct stmt *s, struct arena *arena)
{
    return (struct model_version){
        .name = stmt_column_text(s, 0, arena),
        .version = stmt_column_int(s, 1),
        .model_id = stmt_column_text_or_null(s, 2, arena),
        .source = stmt_column_text(s, 3, arena),
        .run_id = stmt_column_text_or_null(s, 4, arena),
        .user = stmt_column_text(s, 5, arena),
        .description = stmt_column_text(s, 6, arena),
        .stage = stmt_column_text(s, 7, arena),
        .status = stmt_column_text(s, 8, arena),
        .created_ms = stmt_column_int(s, 9),
        .updated_ms = stmt_column_int(s, 10),
    };
}

int store_version_get(struct store *store, const char *name, int64_t version, struct arena *arena,
                      struct model_version *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, VERSION_COLUMNS "AND version = :version");
    stmt_text(s, ":name", name);
    stmt_int(s, ":version", version);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = read_version(s, arena);
    }
    stmt_done(s);
    if (row == 0) {
        return err_set(err, ERR_NOT_FOUND, "Model Version (name=%s, version=%lld) not found", name, (long long)version);
    }
    return row < 0 ? -1 : 0;
}

int store_version_list(struct store *store, const char *name, struct arena *arena, struct model_version **ret,
                       size_t *ret_count, struct err *err)
{
    struct registered_model model;
    if (store_registry_get(store, name, arena, &model, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, VERSION_COLUMNS "ORDER BY version DESC");
    struct model_version *items = NULL;
    size_t count = 0;
    size_t room = 0;
    int row = 0;
    stmt_text(s, ":name", name);
    while ((row = stmt_step(s, err)) == 1) {
        items = arena_grow(arena, items, count, &room, sizeof *items);
        items[count++] = read_version(s, arena);
    }
    stmt_done(s);
    *ret = items;
    *ret_count = count;
    return row;
}

/* ---- tags ------------------------------------------------------------------------------------------------ */

static int check_tag(const char *key, const char *value, struct err *err)
{
    if (key_check_whole("key", "key", key, err) < 0) {
        return -1;
    }
    return value_check_length("value", value, TAG_CHARACTERS_MAX, err);
}

int store_version_tag(struct store *store, const char *name, int64_t version, const char *key, const char *value,
                      int64_t now_ms, struct err *err)
{
    struct stmt *touch =
        stmt_get(store, "UPDATE model_versions SET updated_ms = :now WHERE name = :name AND version = :version");
    stmt_text(touch, ":name", name);
    stmt_int(touch, ":version", version);
    stmt_int(touch, ":now", now_ms);
    int64_t changed = check_tag(key, value, err) < 0 ? (stmt_done(touch), -1) : stmt_run(touch, err);
    if (changed <= 0) {
        return changed < 0 ? -1
                           : err_set(err, ERR_NOT_FOUND, "Model Version (name=%s, version=%lld) not found", name,
                                     (long long)version);
    }
    struct stmt *s =
        stmt_get(store, "INSERT INTO model_version_tags (name, version, key, value) VALUES (:name, :version, :key, "
                        ":value) ON CONFLICT (name, version, key) DO UPDATE SET value = excluded.value");
    stmt_text(s, ":name", name);
    stmt_int(s, ":version", version);
    stmt_text(s, ":key", key);
    stmt_text(s, ":value", value == NULL ? "" : value);
    return stmt_run_one(s, "setting a tag of a model version", err);
}

int store_version_tags(struct store *store, const char *name, int64_t version, struct arena *arena, struct json *ret,
                       struct err *err)
{
    struct stmt *s =
        stmt_get(store, "SELECT key, value FROM model_version_tags WHERE name = :name AND version = :version "
                        "ORDER BY key");
    struct json map = json_object();
    int row = 0;
    stmt_text(s, ":name", name);
    stmt_int(s, ":version", version);
    while ((row = stmt_step(s, err)) == 1) {
        json_set(arena, &map, stmt_column_text(s, 0, arena), json_cstring(arena, stmt_column_text(s, 1, arena)));
    }
    stmt_done(s);
    *ret = map;
    return row;
}

int store_registered_tag(struct store *store, const char *name, const char *key, const char *value, int64_t now_ms,
                         struct err *err)
{
    struct stmt *touch = stmt_get(store, "UPDATE registered_models SET updated_ms = :now WHERE name = :name");
    stmt_text(touch, ":name", name);
    stmt_int(touch, ":now", now_ms);
    int64_t changed = check_tag(key, value, err) < 0 ? (stmt_done(touch), -1) : stmt_run(touch, err);
    if (changed <= 0) {
        return changed < 0 ? -1 : no_model(name, err);
    }
    struct stmt *s =
        stmt_get(store, "INSERT INTO registered_model_tags (name, key, value) VALUES (:name, :key, :value) "
                        "ON CONFLICT (name, key) DO UPDATE SET value = excluded.value");
    stmt_text(s, ":name", name);
    stmt_text(s, ":key", key);
    stmt_text(s, ":value", value == NULL ? "" : value);
    return stmt_run_one(s, "setting a tag of a registered model", err);
}

/* ---- aliases ----------------------------------------------------------------------------------------------- */

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

int store_alias_set(struct store *store, const char *name, const char *alias, int64_t version, int64_t expect,
                    int64_t now_ms, int64_t *ret_previous, struct err *err)
{
    struct arena *arena = arena_new();
    struct model_version target;
    int64_t found = 0;
    int result = alias_check(alias, err) < 0 || store_alias_get(store, name, alias, &found, err) < 0 ||
                         (version != 0 && store_version_get(store, name, version, arena, &target, err) < 0)
                     ? -1
                     : 0;
    arena_free(arena);
    if (result < 0) {
        return -1;
    }
    *ret_previous = found;
    if (expect >= 0 && expect != found) {
        return refuse_expectation(name, alias, expect, found, err);
    }
    return found == version ? 0 : write_alias(store, name, alias, version, now_ms, err);
}

int store_alias_list(struct store *store, const char *name, struct arena *arena, struct json *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT alias, version FROM model_aliases WHERE name = :name ORDER BY alias");
    struct json map = json_object();
    int row = 0;
    stmt_text(s, ":name", name);
    while ((row = stmt_step(s, err)) == 1) {
        json_set(arena, &map, stmt_column_text(s, 0, arena), json_int(stmt_column_int(s, 1)));
    }
    stmt_done(s);
    *ret = map;
    return row;
}
