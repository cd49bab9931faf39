/* SPDX-License-Identifier: Apache-2.0
 * Params of runs: written once.
 */
#include "store/key_rules.h"
#include "store/run_marks.h"
#include "store/runs_internal.h"
#include "store/stmt.h"

int run_param_read(struct store *store, const char *run_id, const char *key, struct arena *arena, const char **ret,
                   struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT value FROM run_params WHERE run_id = :run_id AND key = :key");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":key", key);
    int row = stmt_step(s, err);
    *ret = row == 1 ? stmt_column_text(s, 0, arena) : NULL;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

/* 1 when it is new, 0 when there is one of that key, -1. */
static int64_t insert_param(struct store *store, const char *run_id, const char *key, struct str value, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO run_params (run_id, key, value) "
                                     "VALUES (:run_id, :key, :value) ON CONFLICT (run_id, key) DO NOTHING");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":key", key);
    stmt_str(s, ":value", value);
    int64_t changed = stmt_run(s, err);
    return changed == 1 && run_mark_add(store, run_id, MARK_PARAM, key, value, err) < 0 ? -1 : changed;
}

int run_params_write(struct store *store, const char *run_id, const struct pair *params, size_t count,
                     struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct str value = value_cut(params[i].value, RUN_PARAM_CHARACTERS_MAX);
        if (insert_param(store, run_id, params[i].key, value, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* The param is there already: fine when the value is the same. */
static int compare_param(struct store *store, const char *run_id, const char *key, struct str value, struct err *err)
{
    struct arena *arena = arena_new();
    const char *old = NULL;
    int result = run_param_read(store, run_id, key, arena, &old, err);
    if (result == 0 && !str_is(value, old)) {
        result = err_set(err, ERR_INPUT,
                         "Changing param values is not allowed. Param with key='%s' was already logged with value='%s' "
                         "for run ID='%s'. Attempted logging new value '%.*s'.",
                         key, old == NULL ? "" : old, run_id, STR_ARG(value));
    }
    arena_free(arena);
    return result;
}

int store_run_param(struct store *store, const char *run_id, const char *key, const char *value, struct err *err)
{
    if (key_check_whole("key", "Param key", key, err) < 0 || store_run_require_active(store, run_id, err) < 0) {
        return -1;
    }
    struct str cut = value_cut(value, RUN_PARAM_CHARACTERS_MAX);
    int64_t changed = insert_param(store, run_id, key, cut, err);
    return changed == 0 ? compare_param(store, run_id, key, cut, err) : changed < 0 ? -1 : 0;
}

int store_run_params(struct store *store, const char *run_id, struct arena *arena, struct json *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT key, value FROM run_params WHERE run_id = :run_id ORDER BY key");
    stmt_text(s, ":run_id", run_id);
    return stmt_read_map(s, arena, ret, err);
}

int store_run_param_forget(struct store *store, const char *run_id, const char *key, struct err *err)
{
    struct arena *arena = arena_new();
    const char *value = NULL;
    int result = run_param_read(store, run_id, key, arena, &value, err);
    if (result == 0 && value != NULL) {
        result = run_mark_remove(store, run_id, MARK_PARAM, key, str_from(value), err);
    }
    arena_free(arena);
    if (result < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "DELETE FROM run_params WHERE run_id = :run_id AND key = :key");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":key", key);
    return stmt_run(s, err) < 0 ? -1 : 0;
}
