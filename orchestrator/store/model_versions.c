/* SPDX-License-Identifier: Apache-2.0
 * Versions of registered models and their tags.
 */
#include "store/registry_internal.h"

#include "base/parse.h"
#include "store/key_rules.h"
#include "store/model_events.h"
#include "store/models_internal.h"
#include "store/webhook_events.h"

#include <string.h>

int registry_no_version(const char *name, int64_t version, struct err *err)
{
    if (registered_name_check_marks(name, err) < 0) {
        return -1;
    }
    (void)err_set(err, ERR_NOT_FOUND, "there is no version %lld of a registered model '%s'", (long long)version, name);
    return err_as_mlflow(err, "Model Version (name=%s, version=%lld) not found", name, (long long)version);
}

int version_parse(const char *text, int64_t *ret, struct err *err)
{
    if (parse_int(str_trim(str_from(text)), INT64_MIN, INT64_MAX, ret, NULL) == 0) {
        return 0;
    }
    return err_set(err, ERR_INPUT, "Parameter 'version' must be an integer, got '%.200s'.", text);
}

/* ---- registering --------------------------------------------------------------------------------------- */

/* The version that the logged model is under this name already, 0 when it is none. */
static int find_existing(struct store *store, const char *name, const char *model_id, int64_t *ret_version,
                         struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT version FROM model_versions WHERE name = :name "
                                     "AND model_id = :model_id" VERSION_ALIVE "ORDER BY version LIMIT 1");
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

static int insert(struct store *store, const char *name, int64_t number, const struct model_version *version,
                  int64_t now_ms, struct err *err)
{
    struct stmt *s =
        stmt_get(store, "INSERT INTO model_versions (" VERSION_COLUMNS ") VALUES (:name, :version, :model_id, :source, "
                        ":run_id, :user, :description, :stage, :status, :now, :now, '', :run_link, :storage)");
    stmt_text(s, ":name", name);
    stmt_int(s, ":version", number);
    stmt_text(s, ":model_id", text_or(version->model_id, NULL));
    stmt_text(s, ":source", text_or(version->source, ""));
    stmt_text(s, ":run_id", text_or(version->run_id, NULL));
    stmt_text(s, ":user", text_or(version->user, ""));
    stmt_text(s, ":description", text_or(version->description, ""));
    stmt_text(s, ":stage", text_or(version->stage, "None"));
    stmt_text(s, ":status", text_or(version->status, "READY"));
    stmt_int(s, ":now", now_ms);
    stmt_text(s, ":run_link", text_or(version->run_link, ""));
    stmt_text(s, ":storage", text_or(version->storage_location, ""));
    return stmt_run_one(s, "registering a model version", err);
}

/* Where the files of a logged model are; NULL when it is not known here. */
static int find_files(struct store *store, const char *model_id, struct arena *arena, const char **ret,
                      struct err *err)
{
    struct logged_model model;
    struct err unknown = {0};
    *ret = NULL;
    if (model_id == NULL) {
        return 0;
    }
    if (store_model_get_any(store, model_id, arena, &model, &unknown) == 0) {
        *ret = model.artifact_uri;
        return 0;
    }
    return unknown.code == ERR_NOT_FOUND ? 0 : err_pass(err, &unknown);
}

static int put_tags(struct store *store, const char *name, int64_t version, const struct pair *tags, size_t count,
                    struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct stmt *s =
            stmt_get(store, "INSERT INTO model_version_tags (name, version, key, value) VALUES (:name, :version, :key, "
                            ":value) ON CONFLICT (name, version, key) DO UPDATE SET value = excluded.value");
        stmt_text(s, ":name", name);
        stmt_int(s, ":version", version);
        stmt_text(s, ":key", tags[i].key);
        stmt_text(s, ":value", tags[i].value == NULL ? "" : tags[i].value);
        if (stmt_run_one(s, "setting a tag of a model version", err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* That there is a new registered model is told before there is a version of it. */
static int make_model(struct store *store, const char *name, int64_t now_ms, struct err *err)
{
    struct err none = {0};
    if (registry_require(store, name, &none) == 0) {
        return 0;
    }
    if (none.code != ERR_NOT_FOUND) {
        return err_pass(err, &none);
    }
    return registered_name_check_new(name, err) < 0 ? -1 : event_model_created(store, name, "", NULL, 0, now_ms, err);
}

/* Tags of a version that is there already are set one by one, and told of so. */
static int set_tags(struct store *store, const char *name, int64_t version, const struct pair *tags, size_t count,
                    const struct mover *by, int64_t now_ms, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (store_version_tag(store, name, version, tags[i].key, tags[i].value, by, now_ms, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int store_registry_register(struct store *store, const char *name, const struct model_version *version,
                            const struct pair *tags, size_t tag_count, const struct mover *by, int64_t now_ms,
                            int64_t *ret_version, bool *ret_existing, struct err *err)
{
    int64_t number = 0;
    struct model_version made = *version;
    if (registered_name_check(name, err) < 0 || registry_tags_check(tags, tag_count, err) < 0 ||
        (version->model_id != NULL && find_existing(store, name, version->model_id, &number, err) < 0)) {
        return -1;
    }
    *ret_existing = number != 0;
    if (number != 0) {
        *ret_version = number;
        return set_tags(store, name, number, tags, tag_count, by, now_ms, err);
    }
    struct arena *arena = arena_new();
    made.name = name;
    int result = find_files(store, version->model_id, arena, &made.storage_location, err);
    if (result == 0) {
        made.storage_location = text_or(made.storage_location, version->source);
        result = make_model(store, name, now_ms, err) < 0 || next_version(store, name, now_ms, &number, err) < 0 ||
                         insert(store, name, number, &made, now_ms, err) < 0 ||
                         put_tags(store, name, number, tags, tag_count, err) < 0 ||
                         event_version_created(store, &made, number, false, tags, tag_count, now_ms, err) < 0
                     ? -1
                     : model_event_created(store, &made, number, by, now_ms, err);
    }
    arena_free(arena);
    *ret_version = number;
    return result;
}

/* ---- as clients make and change them ------------------------------------------------------------------------- */

int store_version_create(struct store *store, const struct model_version *version, bool is_prompt,
                         const struct pair *tags, size_t tag_count, const struct mover *by, int64_t now_ms,
                         int64_t *ret_version, struct err *err)
{
    struct model_version made = *version;
    int64_t number = 0;
    made.stage = made.status = NULL;
    made.storage_location = "";
    if (registered_name_check(version->name, err) < 0 || registry_tags_check(tags, tag_count, err) < 0 ||
        registry_require(store, version->name, err) < 0) {
        return -1;
    }
    struct arena *arena = arena_new();
    int result = is_prompt ? 0 : version_resolve_source(store, &made, arena, err);
    if (result == 0) {
        result = next_version(store, version->name, now_ms, &number, err) < 0 ||
                         insert(store, version->name, number, &made, now_ms, err) < 0 ||
                         put_tags(store, version->name, number, tags, tag_count, err) < 0
                     ? -1
                     : 0;
    }
    if (result == 0 && !is_prompt && text_or(made.model_id, NULL) != NULL) {
        result = model_note_version(store, made.model_id, version->name, number, err);
    }
    if (result == 0) {
        result = event_version_created(store, version, number, is_prompt, tags, tag_count, now_ms, err) < 0
                     ? -1
                     : model_event_created(store, &made, number, by, now_ms, err);
    }
    arena_free(arena);
    *ret_version = number;
    return result;
}

/* `s` changes the version, if there is one. */
static int change(struct stmt *s, const char *name, int64_t version, int64_t now_ms, struct err *err)
{
    stmt_text(s, ":name", name);
    stmt_int(s, ":version", version);
    stmt_int(s, ":now", now_ms);
    int64_t changed = stmt_run(s, err);
    return changed == 0 ? registry_no_version(name, version, err) : changed < 0 ? -1 : 0;
}

int store_version_describe(struct store *store, const char *name, int64_t version, const char *description,
                           int64_t now_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE model_versions SET description = :description, updated_ms = :now "
                                     "WHERE name = :name AND version = :version" VERSION_ALIVE);
    stmt_text(s, ":description", text_or(description, ""));
    return change(s, name, version, now_ms, err);
}

/* One by one, as each may be guarded. */
static int delete_aliases(struct store *store, const char *name, int64_t version, const struct mover *by,
                          int64_t now_ms, struct err *err)
{
    struct arena *arena = arena_new();
    const char **aliases = NULL;
    size_t count = 0;
    int result = store_version_aliases(store, name, version, arena, &aliases, &count, err);
    for (size_t i = 0; result == 0 && i < count; i++) {
        int64_t previous = 0;
        result = store_alias_set(store, name, aliases[i], 0, version, by, now_ms, &previous, err);
    }
    arena_free(arena);
    return result;
}

int store_version_delete(struct store *store, const char *name, int64_t version, const struct mover *by, int64_t now_ms,
                         struct err *err)
{
    if (stage_leave(store, name, version, by, now_ms, err) < 0 ||
        delete_aliases(store, name, version, by, now_ms, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "UPDATE model_versions SET stage = '" STAGE_DELETED "', model_id = NULL, "
                                     "source = 'REDACTED-SOURCE-PATH', run_id = 'REDACTED-RUN-ID', "
                                     "run_link = 'REDACTED-RUN-LINK', storage_location = '', user = '', "
                                     "description = '', status_message = '', updated_ms = :now "
                                     "WHERE name = :name AND version = :version" VERSION_ALIVE);
    return change(s, name, version, now_ms, err) < 0 ? -1 : registry_touch(store, name, now_ms, err);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

void version_read_row(struct stmt *s, struct arena *arena, void *item)
{
    *(struct model_version *)item = (struct model_version){
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
        .status_message = stmt_column_text(s, 11, arena),
        .run_link = stmt_column_text(s, 12, arena),
        .storage_location = stmt_column_text(s, 13, arena),
    };
}

int version_read_rows(struct stmt *s, struct arena *arena, struct model_version **ret, size_t *ret_count,
                      struct err *err)
{
    return stmt_read_rows(s, version_read_row, sizeof **ret, arena, ret, ret_count, err);
}

int store_version_get(struct store *store, const char *name, int64_t version, struct arena *arena,
                      struct model_version *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " VERSION_COLUMNS " FROM model_versions "
                                     "WHERE name = :name AND version = :version" VERSION_ALIVE);
    stmt_text(s, ":name", name);
    stmt_int(s, ":version", version);
    int row = stmt_read_row(s, version_read_row, arena, ret, err);
    return row == 0 ? registry_no_version(name, version, err) : row < 0 ? -1 : 0;
}

int store_version_list(struct store *store, const char *name, struct arena *arena, struct model_version **ret,
                       size_t *ret_count, struct err *err)
{
    if (registry_require(store, name, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "SELECT " VERSION_COLUMNS " FROM model_versions WHERE name = :name" VERSION_ALIVE
                                     "ORDER BY version DESC");
    stmt_text(s, ":name", name);
    return version_read_rows(s, arena, ret, ret_count, err);
}

int store_version_of_model(struct store *store, const char *model_id, struct arena *arena, struct model_version **ret,
                           size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " VERSION_COLUMNS " FROM model_versions "
                                     "WHERE model_id = :model_id" VERSION_ALIVE "ORDER BY name, version");
    stmt_text(s, ":model_id", model_id);
    return version_read_rows(s, arena, ret, ret_count, err);
}

/* ---- tags ------------------------------------------------------------------------------------------------ */

static int tell_tag(struct store *store, const char *name, int64_t version, const char *key, const char *value,
                    const struct mover *by, int64_t now_ms, struct err *err)
{
    const struct model_event event = {.kind = MODEL_EVENT_TAG,
                                      .action = value == NULL ? "deleted" : "set",
                                      .name = name,
                                      .version = version,
                                      .what = key,
                                      .value = value,
                                      .by = by};
    return event_version_tag(store, name, version, key, value, now_ms, err) < 0
               ? -1
               : model_event_tell(store, &event, now_ms, err);
}

int store_version_tag(struct store *store, const char *name, int64_t version, const char *key, const char *value,
                      const struct mover *by, int64_t now_ms, struct err *err)
{
    const struct pair tag = {key, value};
    if (registry_tags_check(&tag, 1, err) < 0) {
        return -1;
    }
    struct stmt *touch = stmt_get(store, "UPDATE model_versions SET updated_ms = :now "
                                         "WHERE name = :name AND version = :version" VERSION_ALIVE);
    return change(touch, name, version, now_ms, err) < 0 || put_tags(store, name, version, &tag, 1, err) < 0
               ? -1
               : tell_tag(store, name, version, key, value == NULL ? "" : value, by, now_ms, err);
}

int store_version_delete_tag(struct store *store, const char *name, int64_t version, const char *key,
                             const struct mover *by, int64_t now_ms, struct err *err)
{
    struct arena *arena = arena_new();
    struct model_version known;
    int result = key_check("key", key, err) < 0 ? -1 : store_version_get(store, name, version, arena, &known, err);
    arena_free(arena);
    if (result < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "DELETE FROM model_version_tags WHERE name = :name AND version = :version "
                                     "AND key = :key");
    stmt_text(s, ":name", name);
    stmt_int(s, ":version", version);
    stmt_text(s, ":key", key);
    int64_t changed = stmt_run(s, err);
    return changed <= 0 ? (int)changed : tell_tag(store, name, version, key, NULL, by, now_ms, err);
}

int store_version_tags(struct store *store, const char *name, int64_t version, struct arena *arena, struct json *ret,
                       struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT key, value FROM model_version_tags "
                                     "WHERE name = :name AND version = :version ORDER BY key");
    stmt_text(s, ":name", name);
    stmt_int(s, ":version", version);
    return stmt_read_map(s, arena, ret, err);
}
