/* SPDX-License-Identifier: Apache-2.0 */
#include "store/runs.h"

#include "store/experiments.h"
#include "store/key_rules.h"
#include "store/stmt.h"

#include <string.h>

enum { PARAM_CHARACTERS_MAX = 6000, TAG_CHARACTERS_MAX = 8000, RUN_ID_MAX = 256 };

static const char *const status_names[] = {"SCHEDULED", "RUNNING", "FINISHED", "FAILED", "KILLED"};
enum { STATUS_COUNT = sizeof status_names / sizeof status_names[0] };

const char *run_status_name(enum run_status status)
{
    return status_names[status];
}

static enum run_status status_parse(const char *name)
{
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        if (strcmp(status_names[i], name) == 0) {
            return (enum run_status)i;
        }
    }
    return RUN_STATUS_FAILED;
}

static int not_found(const char *run_id, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "Run with id=%s not found", run_id);
}

/* ---- the run ------------------------------------------------------------------------------------ */

/* A letter or digit, then at most 255 of those, '_' and '-'. */
static int check_run_id(const char *run_id, struct err *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t length = run_id == NULL ? 0 : strspn(run_id, letters);
    if (length == 0 || length > RUN_ID_MAX || run_id[length] != '\0' || run_id[0] == '_' || run_id[0] == '-') {
        return value_refuse("run_id", run_id, NULL, err);
    }
    return 0;
}

static int read_deleted(struct store *store, const char *run_id, bool *ret_deleted, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT r.deleted_ms IS NOT NULL OR e.deleted_ms IS NOT NULL FROM runs AS r "
                                     "JOIN experiments AS e ON e.id = r.experiment_id WHERE r.run_id = :run_id");
    stmt_text(s, ":run_id", run_id);
    int row = stmt_step(s, err);
    *ret_deleted = row == 1 && stmt_column_int(s, 0) != 0;
    stmt_done(s);
    return row == 0 ? not_found(run_id, err) : row < 0 ? -1 : 0;
}

int store_run_require_active(struct store *store, const char *run_id, struct err *err)
{
    bool deleted = false;
    if (read_deleted(store, run_id, &deleted, err) < 0) {
        return -1;
    }
    if (deleted) {
        return err_set(err, ERR_INPUT, "The run %s must be in the 'active' state. Current state is deleted.", run_id);
    }
    return 0;
}

static int put_tag(struct store *store, const char *run_id, const char *key, const char *value, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO run_tags (run_id, key, value) "
                                     "VALUES (:run_id, :key, :value) ON CONFLICT (run_id, key) "
                                     "DO UPDATE SET value = excluded.value");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":key", key);
    stmt_str(s, ":value", value_cut(value, TAG_CHARACTERS_MAX));
    return stmt_run_one(s, "setting a tag of a run", err);
}

static int insert_run(struct store *store, const struct run_info *run, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO runs (run_id, experiment_id, name, user, status, start_ms, end_ms, "
                                     "artifact_uri, parent_run_id) "
                                     "VALUES (:run_id, :experiment, :name, :user, :status, :start, NULLIF(:end, 0), "
                                     ":artifact_uri, :parent) ON CONFLICT (run_id) DO NOTHING");
    stmt_text(s, ":run_id", run->run_id);
    stmt_int(s, ":experiment", run->experiment_id);
    stmt_str(s, ":name", value_cut(run->name, TAG_CHARACTERS_MAX));
    stmt_str(s, ":user", value_cut(run->user, TAG_CHARACTERS_MAX));
    stmt_text(s, ":status", run_status_name(run->status));
    stmt_int(s, ":start", run->start_ms);
    stmt_int(s, ":end", run->end_ms);
    stmt_str(s, ":artifact_uri", str_from(run->artifact_uri));
    stmt_text(s, ":parent", run->parent_run_id);
    int64_t changed = stmt_run(s, err);
    if (changed == 0) {
        return err_set(err, ERR_EXISTS, "there is a run '%s' already", run->run_id);
    }
    return changed < 0 ? -1 : 0;
}

int store_run_create(struct store *store, const struct run_info *run, struct err *err)
{
    if (check_run_id(run->run_id, err) < 0 || store_experiment_require_active(store, run->experiment_id, err) < 0) {
        return -1;
    }
    if (str_from(run->name).n == 0) {
        return err_set(err, ERR_INPUT, "run '%s': expected a name", run->run_id);
    }
    if (insert_run(store, run, err) < 0 || put_tag(store, run->run_id, "mlflow.runName", run->name, err) < 0 ||
        put_tag(store, run->run_id, "mlflow.user", run->user, err) < 0) {
        return -1;
    }
    return run->parent_run_id == NULL ? 0 : put_tag(store, run->run_id, "mlflow.parentRunId", run->parent_run_id, err);
}

int store_run_update(struct store *store, const char *run_id, enum run_status status, int64_t end_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE runs SET status = :status, end_ms = COALESCE(NULLIF(:end, 0), "
                                     "end_ms) WHERE run_id = :run_id");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":status", run_status_name(status));
    stmt_int(s, ":end", end_ms);
    int64_t changed = stmt_run(s, err);
    return changed == 0 ? not_found(run_id, err) : changed < 0 ? -1 : 0;
}

int store_run_get(struct store *store, const char *run_id, struct arena *arena, struct run_info *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT r.run_id, r.experiment_id, r.name, r.user, r.status, r.start_ms, "
                                     "r.end_ms, r.deleted_ms IS NOT NULL OR e.deleted_ms IS NOT NULL, r.artifact_uri, "
                                     "r.parent_run_id FROM runs AS r "
                                     "JOIN experiments AS e ON e.id = r.experiment_id WHERE r.run_id = :run_id");
    stmt_text(s, ":run_id", run_id);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = (struct run_info){
            .run_id = stmt_column_text(s, 0, arena),
            .experiment_id = stmt_column_int(s, 1),
            .name = stmt_column_text(s, 2, arena),
            .user = stmt_column_text(s, 3, arena),
            .status = status_parse(stmt_column_text(s, 4, arena)),
            .start_ms = stmt_column_int(s, 5),
            .end_ms = stmt_column_int(s, 6),
            .deleted = stmt_column_int(s, 7) != 0,
            .artifact_uri = stmt_column_text(s, 8, arena),
            .parent_run_id = stmt_column_text_or_null(s, 9, arena),
        };
    }
    stmt_done(s);
    return row == 0 ? not_found(run_id, err) : row < 0 ? -1 : 0;
}

/* ---- params and tags ----------------------------------------------------------------------------- */

/* The param is there already: fine when the value is the same. */
static int compare_param(struct store *store, const char *run_id, const char *key, struct str value, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT value FROM run_params WHERE run_id = :run_id AND key = :key");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":key", key);
    struct arena *arena = arena_new();
    int row = stmt_step(s, err);
    const char *old = row == 1 ? stmt_column_text(s, 0, arena) : "";
    stmt_done(s);
    int result = row < 0 ? -1 : 0;
    if (row == 1 && !str_is(value, old)) {
        result = err_set(err, ERR_INPUT,
                         "Changing param values is not allowed. Param with key='%s' was already logged with value='%s' "
                         "for run ID='%s'. Attempted logging new value '%.*s'.",
                         key, old, run_id, STR_ARG(value));
    }
    arena_free(arena);
    return result;
}

int store_run_param(struct store *store, const char *run_id, const char *key, const char *value, struct err *err)
{
    if (key_check_whole("key", "Param key", key, err) < 0 || store_run_require_active(store, run_id, err) < 0) {
        return -1;
    }
    struct str cut = value_cut(value, PARAM_CHARACTERS_MAX);
    struct stmt *s = stmt_get(store, "INSERT INTO run_params (run_id, key, value) "
                                     "VALUES (:run_id, :key, :value) ON CONFLICT (run_id, key) DO NOTHING");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":key", key);
    stmt_str(s, ":value", cut);
    int64_t changed = stmt_run(s, err);
    return changed == 0 ? compare_param(store, run_id, key, cut, err) : changed < 0 ? -1 : 0;
}

/* Name and parent stand in the run's row too, for lists. */
static int follow_tag(struct store *store, const char *run_id, const char *key, const char *value, struct err *err)
{
    struct stmt *s = NULL;
    if (strcmp(key, "mlflow.runName") == 0) {
        s = stmt_get(store, "UPDATE runs SET name = :value WHERE run_id = :run_id");
    } else if (strcmp(key, "mlflow.parentRunId") == 0) {
        s = stmt_get(store, "UPDATE runs SET parent_run_id = :value WHERE run_id = :run_id");
    } else {
        return 0;
    }
    stmt_text(s, ":run_id", run_id);
    stmt_str(s, ":value", value_cut(value, TAG_CHARACTERS_MAX));
    return stmt_run_one(s, "changing a run", err);
}

int store_run_tags_set(struct store *store, const char *run_id, const struct run_tag *tags, size_t count,
                       struct err *err)
{
    bool own = true;
    for (size_t i = 0; i < count; i++) {
        if (key_check_whole("key", "key", tags[i].key, err) < 0) {
            return -1;
        }
        own = own && str_starts(str_from(tags[i].key), STR("sluice."));
    }
    bool deleted = false;
    if ((own ? read_deleted(store, run_id, &deleted, err) : store_run_require_active(store, run_id, err)) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (put_tag(store, run_id, tags[i].key, tags[i].value, err) < 0 ||
            follow_tag(store, run_id, tags[i].key, tags[i].value, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int store_run_tag(struct store *store, const char *run_id, const char *key, const char *value, struct err *err)
{
    return store_run_tags_set(store, run_id, &(struct run_tag){key, value}, 1, err);
}

static int read_map(struct stmt *s, const char *run_id, struct arena *arena, struct json *ret, struct err *err)
{
    struct json map = json_object();
    int row = 0;
    stmt_text(s, ":run_id", run_id);
    while ((row = stmt_step(s, err)) == 1) {
        json_set(arena, &map, stmt_column_text(s, 0, arena), json_cstring(arena, stmt_column_text(s, 1, arena)));
    }
    stmt_done(s);
    if (row == 0) {
        *ret = map;
    }
    return row;
}

int store_run_params(struct store *store, const char *run_id, struct arena *arena, struct json *ret, struct err *err)
{
    return read_map(stmt_get(store, "SELECT key, value FROM run_params WHERE run_id = :run_id ORDER BY key"), run_id,
                    arena, ret, err);
}

int store_run_tags(struct store *store, const char *run_id, struct arena *arena, struct json *ret, struct err *err)
{
    return read_map(stmt_get(store, "SELECT key, value FROM run_tags WHERE run_id = :run_id ORDER BY key"), run_id,
                    arena, ret, err);
}
