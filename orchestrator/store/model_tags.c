/* SPDX-License-Identifier: Apache-2.0
 * Params and tags of logged models.
 */
#include "store/models_internal.h"

#include "base/strbuf.h"
#include "store/key_rules.h"
#include "store/stmt.h"

static int require(struct store *store, const char *model_id, struct err *err)
{
    struct logged_model model;
    struct arena *arena = arena_new();
    int result = store_model_get(store, model_id, arena, &model, err);
    arena_free(arena);
    return result;
}

/* ---- params ------------------------------------------------------------------------------------------------ */

static int put_param(struct store *store, const char *model_id, const struct pair *param, struct err *err)
{
    struct stmt *s =
        stmt_get(store, "INSERT INTO logged_model_params (model_id, key, value) VALUES (:model_id, :key, :value) "
                        "ON CONFLICT (model_id, key) DO UPDATE SET value = value WHERE value = excluded.value");
    stmt_text(s, ":model_id", model_id);
    stmt_text(s, ":key", param->key);
    stmt_str(s, ":value", value_cut(param->value, SIZE_MAX));
    int64_t changed = stmt_run(s, err);
    if (changed == 0) {
        return err_set(err, ERR_INPUT, "param '%s' of model %s has another value already: params are written once",
                       param->key, model_id);
    }
    return changed < 0 ? -1 : 0;
}

int store_model_params_log(struct store *store, const char *model_id, const struct pair *params, size_t count,
                           struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (value_check_length("Param key", params[i].key, KEY_CHARACTERS_MAX, err) < 0) {
            return -1;
        }
    }
    if (require(store, model_id, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (put_param(store, model_id, &params[i], err) < 0) {
            return -1;
        }
    }
    return 0;
}

int store_model_param(struct store *store, const char *model_id, const char *key, const char *value, struct err *err)
{
    return store_model_params_log(store, model_id, &(struct pair){key, value}, 1, err);
}

int store_model_params(struct store *store, const char *model_id, struct arena *arena, struct json *ret,
                       struct err *err)
{
    struct stmt *s =
        stmt_get(store, "SELECT key, value FROM logged_model_params WHERE model_id = :model_id ORDER BY key");
    stmt_text(s, ":model_id", model_id);
    return stmt_read_map(s, arena, ret, err);
}

/* ---- tags -------------------------------------------------------------------------------------------------- */

static int put_tag(struct store *store, const char *model_id, const char *key, struct str value, struct err *err)
{
    struct stmt *s =
        stmt_get(store, "INSERT INTO logged_model_tags (model_id, key, value) VALUES (:model_id, :key, :value) "
                        "ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value");
    stmt_text(s, ":model_id", model_id);
    stmt_text(s, ":key", key);
    stmt_str(s, ":value", value);
    return stmt_run_one(s, "setting a tag of a logged model", err);
}

int store_model_tags_set(struct store *store, const char *model_id, const struct pair *tags, size_t count,
                         struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (value_check_length("Tag key", tags[i].key, KEY_CHARACTERS_MAX, err) < 0) {
            return -1;
        }
    }
    if (require(store, model_id, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (put_tag(store, model_id, tags[i].key, value_cut(tags[i].value, SIZE_MAX), err) < 0) {
            return -1;
        }
    }
    return 0;
}

int store_model_tag(struct store *store, const char *model_id, const char *key, const char *value, struct err *err)
{
    return store_model_tags_set(store, model_id, &(struct pair){key, value}, 1, err);
}

int store_model_delete_tag(struct store *store, const char *model_id, const char *key, struct err *err)
{
    if (require(store, model_id, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "DELETE FROM logged_model_tags WHERE model_id = :model_id AND key = :key");
    stmt_text(s, ":model_id", model_id);
    stmt_text(s, ":key", key);
    int64_t changed = stmt_run(s, err);
    if (changed == 0) {
        return err_set(err, ERR_NOT_FOUND, "No tag with key '%s' found for model with ID '%s'.", key, model_id);
    }
    return changed < 0 ? -1 : 0;
}

int store_model_tags(struct store *store, const char *model_id, struct arena *arena, struct json *ret, struct err *err)
{
    struct stmt *s =
        stmt_get(store, "SELECT key, value FROM logged_model_tags WHERE model_id = :model_id ORDER BY key");
    stmt_text(s, ":model_id", model_id);
    return stmt_read_map(s, arena, ret, err);
}

/* ---- versions ---------------------------------------------------------------------------------------------- */

#define VERSIONS_TAG "mlflow.modelVersions"
enum { VERSIONS_BYTES_MAX = 16 << 20 };

/* The list with one more; as text, since it may have thousands. */
static void append_version(struct strbuf *out, struct str list, struct str entry)
{
    bool is_empty = str_is(str_trim(str_slice(list, 1, list.n - 1)), "");
    strbuf_add_str(out, str_slice(list, 0, list.n - 1));
    strbuf_add_text(out, is_empty ? "" : ", ");
    strbuf_add_str(out, entry);
    strbuf_add_text(out, "]");
}

int model_note_version(struct store *store, const char *model_id, const char *name, int64_t version, struct err *err)
{
    struct arena *arena = arena_new();
    struct strbuf entry;
    struct strbuf versions;
    strbuf_init(&entry, VERSIONS_BYTES_MAX);
    strbuf_init(&versions, VERSIONS_BYTES_MAX);
    strbuf_add_text(&entry, "{\"name\": ");
    json_write_string(&entry, str_from(name));
    strbuf_printf(&entry, ", \"version\": %lld}", (long long)version);
    struct stmt *s = stmt_get(store, "SELECT t.value FROM logged_models AS m LEFT JOIN logged_model_tags AS t "
                                     "ON t.model_id = m.model_id AND t.key = '" VERSIONS_TAG "' "
                                     "WHERE m.model_id = :model_id AND m.deleted_ms IS NULL");
    stmt_text(s, ":model_id", model_id);
    int row = stmt_step(s, err);
    const char *text = row == 1 ? stmt_column_text_or_null(s, 0, arena) : NULL;
    stmt_done(s);
    struct str list = str_trim(str_from(text == NULL ? "[]" : text));
    int result = row < 0 ? -1 : 0;
    bool is_list = list.n >= 2 && list.p[0] == '[' && list.p[list.n - 1] == ']';
    if (row == 1 && is_list && str_find(list, strbuf_str(&entry)) < 0) {
        append_version(&versions, list, strbuf_str(&entry));
        result = versions.overflow ? 0 : put_tag(store, model_id, VERSIONS_TAG, strbuf_str(&versions), err);
    }
    strbuf_clear(&entry);
    strbuf_clear(&versions);
    arena_free(arena);
    return result;
}
