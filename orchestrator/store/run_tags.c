/* SPDX-License-Identifier: Apache-2.0
 * Tags of runs.
 */
#include "store/key_rules.h"
#include "store/python_json.h"
#include "store/run_marks.h"
#include "store/runs_internal.h"
#include "store/stmt.h"

#include <string.h>

static int check_keys(const struct pair *tags, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (key_check_whole("key", "key", tags[i].key, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int run_tags_check_given(const struct pair *tags, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (value_check_length("key", tags[i].key, KEY_CHARACTERS_MAX, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Takes the mark of its value from a tag, if there is such a tag. */
static int unmark(struct store *store, const char *run_id, const char *key, struct err *err)
{
    struct arena *arena = arena_new();
    struct stmt *s = stmt_get(store, "SELECT value FROM run_tags WHERE run_id = :run_id AND key = :key");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":key", key);
    int row = stmt_step(s, err);
    const char *value = row == 1 ? stmt_column_text(s, 0, arena) : NULL;
    stmt_done(s);
    int result = row == 1 ? run_mark_remove(store, run_id, MARK_TAG, key, str_from(value), err) : row;
    arena_free(arena);
    return result;
}

static int mark_anew(struct store *store, const char *run_id, const char *key, struct str value, struct err *err)
{
    int64_t mark = 0;
    if (!run_mark_of(MARK_TAG, str_from(key), STR(""), &mark)) {
        return 0; /* whatever its value is */
    }
    return unmark(store, run_id, key, err) < 0 ? -1 : run_mark_add(store, run_id, MARK_TAG, key, value, err);
}

int run_tag_put(struct store *store, const char *run_id, const char *key, struct str value, struct err *err)
{
    if (mark_anew(store, run_id, key, value, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "INSERT INTO run_tags (run_id, key, value) "
                                     "VALUES (:run_id, :key, :value) ON CONFLICT (run_id, key) "
                                     "DO UPDATE SET value = excluded.value");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":key", key);
    stmt_str(s, ":value", value);
    return stmt_run_one(s, "setting a tag of a run", err);
}

#define INSERT_1 "INSERT INTO run_tags (run_id, key, value) VALUES (?1, ?2, ?3)"
#define INSERT_2 INSERT_1 ", (?1, ?4, ?5)"
#define INSERT_3 INSERT_2 ", (?1, ?6, ?7)"
#define INSERT_4 INSERT_3 ", (?1, ?8, ?9)"
#define INSERT_5 INSERT_4 ", (?1, ?10, ?11)"
#define INSERT_6 INSERT_5 ", (?1, ?12, ?13)"
#define INSERT_7 INSERT_6 ", (?1, ?14, ?15)"
#define INSERT_8 INSERT_7 ", (?1, ?16, ?17)"
#define INSERT_9 INSERT_8 ", (?1, ?18, ?19)"
#define INSERT_10 INSERT_9 ", (?1, ?20, ?21)"
#define INSERT_11 INSERT_10 ", (?1, ?22, ?23)"
#define INSERT_12 INSERT_11 ", (?1, ?24, ?25)"
#define INSERT_13 INSERT_12 ", (?1, ?26, ?27)"

/* By how many rows: a run of a trigger has ten, thirteen with what git says, a step's six or nine. A statement costs as
 * much as two rows. */
static const char *const inserts[] = {NULL,     INSERT_1, INSERT_2, INSERT_3, INSERT_4,  INSERT_5,  INSERT_6,
                                      INSERT_7, INSERT_8, INSERT_9, INSERT_10, INSERT_11, INSERT_12, INSERT_13};

enum { ROWS_AT_ONCE = sizeof inserts / sizeof inserts[0] - 1 };

static struct stmt *insert_some(struct store *store, const char *run_id, const struct pair *tags, size_t left,
                                size_t *ret_count)
{
    size_t count = *ret_count = left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE;
    struct stmt *s = stmt_get(store, inserts[count]);
    stmt_str_at(s, 1, str_from(run_id));
    for (size_t i = 0; i < count; i++) {
        stmt_str_at(s, (int)(2 * i) + 2, str_from(tags[i].key));
        stmt_str_at(s, (int)(2 * i) + 3, value_cut(tags[i].value, RUN_TAG_CHARACTERS_MAX));
    }
    return s;
}

int run_tags_add(struct store *store, const char *run_id, const struct pair *tags, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (run_mark_add(store, run_id, MARK_TAG, tags[i].key, value_cut(tags[i].value, RUN_TAG_CHARACTERS_MAX), err) <
            0) {
            return -1;
        }
    }
    for (size_t i = 0; i < count;) {
        size_t some = 0;
        if (stmt_run(insert_some(store, run_id, tags + i, count - i, &some), err) < 0) {
            return -1;
        }
        i += some;
    }
    return 0;
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
    stmt_str(s, ":value", value_cut(value, RUN_TAG_CHARACTERS_MAX));
    return stmt_run_one(s, "changing a run", err);
}

/* A run has a name. */
static bool is_unnaming(const struct pair *tag)
{
    return strcmp(tag->key, "mlflow.runName") == 0 && str_from(tag->value).n == 0;
}

static int write_tags(struct store *store, const char *run_id, const struct pair *tags, size_t count,
                      size_t characters_max, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct str value = value_cut(tags[i].value, characters_max);
        if (!is_unnaming(&tags[i]) && (run_tag_put(store, run_id, tags[i].key, value, err) < 0 ||
                                       follow_tag(store, run_id, tags[i].key, tags[i].value, err) < 0)) {
            return -1;
        }
    }
    return 0;
}

int run_tags_write(struct store *store, const char *run_id, const struct pair *tags, size_t count, struct err *err)
{
    return write_tags(store, run_id, tags, count, RUN_TAG_CHARACTERS_MAX, err);
}

int store_run_tags_give(struct store *store, const char *run_id, const struct pair *tags, size_t count,
                        struct err *err)
{
    return run_tags_check_given(tags, count, err) < 0 || store_run_require_active(store, run_id, err) < 0
               ? -1
               : write_tags(store, run_id, tags, count, SIZE_MAX, err);
}

int store_run_tags_set(struct store *store, const char *run_id, const struct pair *tags, size_t count,
                       struct err *err)
{
    bool own = true;
    if (check_keys(tags, count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        own = own && str_starts(str_from(tags[i].key), STR("sluice."));
    }
    bool deleted = false;
    if ((own ? run_read_deleted(store, run_id, &deleted, err) : store_run_require_active(store, run_id, err)) < 0) {
        return -1;
    }
    return run_tags_write(store, run_id, tags, count, err);
}

int store_run_tag(struct store *store, const char *run_id, const char *key, const char *value, struct err *err)
{
    return store_run_tags_set(store, run_id, &(struct pair){key, value}, 1, err);
}

int store_run_delete_tag(struct store *store, const char *run_id, const char *key, struct err *err)
{
    if (store_run_require_active(store, run_id, err) < 0 || unmark(store, run_id, key, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "DELETE FROM run_tags WHERE run_id = :run_id AND key = :key");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":key", key);
    int64_t changed = stmt_run(s, err);
    if (changed == 0) {
        return err_set(err, ERR_NOT_FOUND, "No tag with name: %s in run with id %s", key, run_id);
    }
    if (changed < 0 || strcmp(key, "mlflow.parentRunId") != 0) {
        return changed < 0 ? -1 : 0;
    }
    s = stmt_get(store, "UPDATE runs SET parent_run_id = NULL WHERE run_id = :run_id");
    stmt_text(s, ":run_id", run_id);
    return stmt_run_one(s, "taking a run from its parent", err);
}

int store_run_tags(struct store *store, const char *run_id, struct arena *arena, struct json *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT key, value FROM run_tags WHERE run_id = :run_id ORDER BY key");
    stmt_text(s, ":run_id", run_id);
    return stmt_read_map(s, arena, ret, err);
}

/* ---- models of before MLflow 3 ------------------------------------------------------------------------------- */

#define HISTORY_TAG "mlflow.log-model.history"
enum { HISTORY_CHARACTERS_MAX = 1000000 };

/* Python's notation of the set of those that are missing; "" when none is. */
static const char *missing_fields(const struct json *model, struct arena *arena)
{
    static const char *const fields[] = {"artifact_path", "flavors", "utc_time_created", "run_id"};
    const char *list = "";
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (json_get(model, fields[i]) == NULL) {
            list = arena_printf(arena, "%s%s'%s'", list, *list == '\0' ? "" : ", ", fields[i]);
        }
    }
    return list;
}

/* What MLflow keeps of a model: flavors without their "config". */
static struct json short_flavors(const struct json *flavors, struct arena *arena)
{
    struct json kept = json_object();
    for (size_t i = 0; flavors != NULL && flavors->type == JSON_OBJECT && i < flavors->u.object.count; i++) {
        const struct json_member *flavor = &flavors->u.object.members[i];
        struct json value = flavor->value;
        if (value.type == JSON_OBJECT) {
            value = json_object();
            for (size_t k = 0; k < flavor->value.u.object.count; k++) {
                const struct json_member *member = &flavor->value.u.object.members[k];
                if (!str_is(member->key, "config")) {
                    json_add(arena, &value, member->key.p, member->value);
                }
            }
        }
        json_add(arena, &kept, flavor->key.p, value);
    }
    return kept;
}

static struct json short_model(const struct json *model, struct arena *arena)
{
    static const char *const kept[] = {"run_id", "artifact_path", "utc_time_created", "model_uuid"};
    struct json result = json_object();
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        const struct json *value = json_get(model, kept[i]);
        json_add(arena, &result, kept[i], value == NULL ? json_null() : *value);
    }
    json_add(arena, &result, "flavors", short_flavors(json_get(model, "flavors"), arena));
    return result;
}

static int read_history(struct store *store, const char *run_id, struct arena *arena, struct json *ret,
                        struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT value FROM run_tags WHERE run_id = :run_id AND key = '" HISTORY_TAG "'");
    stmt_text(s, ":run_id", run_id);
    int row = stmt_step(s, err);
    const char *text = row == 1 ? stmt_column_text(s, 0, arena) : "[]";
    stmt_done(s);
    if (row < 0) {
        return -1;
    }
    if (json_read(str_from(text), (struct json_limits){0}, arena, ret, NULL) < 0 || ret->type != JSON_ARRAY) {
        return err_set(err, ERR_INPUT, "run %s: the tag " HISTORY_TAG " is not a JSON array", run_id);
    }
    return 0;
}

static int append_model(struct store *store, const char *run_id, const struct json *model, struct arena *arena,
                        struct err *err)
{
    struct json history;
    const char *missing = missing_fields(model, arena);
    if (*missing != '\0') {
        return err_set(err, ERR_INPUT, "Model json is missing mandatory fields: {%s}", missing);
    }
    if (store_run_require_active(store, run_id, err) < 0 || read_history(store, run_id, arena, &history, err) < 0) {
        return -1;
    }
    json_push(arena, &history, short_model(model, arena));
    struct str text = python_json_text(arena, &history, false);
    if (value_check_length(HISTORY_TAG, text.p, HISTORY_CHARACTERS_MAX, err) < 0) {
        return -1;
    }
    return run_tag_put(store, run_id, HISTORY_TAG, text, err);
}

int store_run_log_model(struct store *store, const char *run_id, const struct json *model, struct err *err)
{
    struct arena *arena = arena_new();
    int result = append_model(store, run_id, model, arena, err);
    arena_free(arena);
    return result;
}
