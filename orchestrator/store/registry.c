/* SPDX-License-Identifier: Apache-2.0
 * Registered models and their tags.
 */
#include "store/registry_internal.h"

#include "base/strbuf.h"
#include "store/key_rules.h"
#include "store/model_subscriptions.h"
#include "store/permissions.h"
#include "store/python_quote.h"
#include "store/store_internal.h"
#include "store/webhook_events.h"

#include <string.h>
#include <strings.h>

enum { TAG_CHARACTERS_MAX = 100000 };

int registry_no_model(const char *name, struct err *err)
{
    if (registered_name_check_marks(name, err) < 0) {
        return -1;
    }
    (void)err_set(err, ERR_NOT_FOUND, "there is no registered model '%s'", name);
    return err_as_mlflow(err, "Registered Model with name=%s not found", name);
}

int registry_require(struct store *store, const char *name, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT 1 FROM registered_models WHERE name = :name");
    stmt_text(s, ":name", name);
    int row = stmt_step(s, err);
    stmt_done(s);
    return row == 0 ? registry_no_model(name, err) : row < 0 ? -1 : 0;
}

int registry_touch(struct store *store, const char *name, int64_t now_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE registered_models SET updated_ms = :now WHERE name = :name");
    stmt_text(s, ":name", name);
    stmt_int(s, ":now", now_ms);
    int64_t changed = stmt_run(s, err);
    return changed == 0 ? registry_no_model(name, err) : changed < 0 ? -1 : 0;
}

/* ---- reading -------------------------------------------------------------------------------------------- */

#define LATEST                                                                                                         \
    "(SELECT v.version FROM model_versions AS v WHERE v.name = m.name AND v.stage <> '" STAGE_DELETED                  \
    "' ORDER BY v.version DESC LIMIT 1) "

static void read_model(struct stmt *s, struct arena *arena, void *item)
{
    *(struct registered_model *)item = (struct registered_model){
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
    struct stmt *s = stmt_get(store, "SELECT m.name, m.description, m.created_ms, m.updated_ms, " LATEST
                                     "FROM registered_models AS m WHERE m.name = :name");
    stmt_text(s, ":name", name);
    int row = stmt_read_row(s, read_model, arena, ret, err);
    return row == 0 ? registry_no_model(name, err) : row < 0 ? -1 : 0;
}

int store_registry_list(struct store *store, struct arena *arena, struct registered_model **ret, size_t *ret_count,
                        struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT m.name, m.description, m.created_ms, m.updated_ms, " LATEST
                                     "FROM registered_models AS m ORDER BY m.name");
    return stmt_read_rows(s, read_model, sizeof **ret, arena, ret, ret_count, err);
}

/* ---- making and changing ------------------------------------------------------------------------------------ */

bool tags_are_of_prompt(const struct pair *tags, size_t count)
{
    for (size_t i = count; i > 0; i--) {
        if (str_is(str_from(tags[i - 1].key), PROMPT_TAG)) {
            return tags[i - 1].value != NULL && strcasecmp(tags[i - 1].value, "true") == 0;
        }
    }
    return false;
}

bool tag_is_of_prompt(const char *key)
{
    return strcmp(key, PROMPT_TAG) == 0;
}

static bool has_prompt_tag(const struct pair *tags, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (tag_is_of_prompt(tags[i].key)) {
            return true;
        }
    }
    return false;
}

int registry_is_prompt(struct store *store, const char *name, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT 1 FROM registered_model_tags WHERE name = :name "
                                     "AND key = '" PROMPT_TAG "'");
    stmt_text(s, ":name", name);
    int row = stmt_step(s, err);
    stmt_done(s);
    return row;
}

static int refuse_taken(struct store *store, const char *name, bool is_prompt, struct err *err)
{
    int was_prompt = registry_is_prompt(store, name, err);
    if (was_prompt < 0) {
        return -1;
    }
    if (was_prompt == is_prompt) {
        return err_set(err, ERR_EXISTS, "%s (name=%s) already exists.", is_prompt ? "Prompt" : "Registered Model",
                       name);
    }
    struct strbuf quoted;
    strbuf_init(&quoted, 2048);
    python_quote(&quoted, str_from(name));
    (void)err_set(err, ERR_EXISTS,
                  "Tried to create a %s with name %s, but the name is already taken by a %s. MLflow does not allow "
                  "creating a model and a prompt with the same name.",
                  is_prompt ? "prompt" : "registered model", quoted.data, was_prompt ? "prompt" : "registered model");
    strbuf_clear(&quoted);
    return -1;
}

static int put_tags(struct store *store, const char *name, const struct pair *tags, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct stmt *s =
            stmt_get(store, "INSERT INTO registered_model_tags (name, key, value) VALUES (:name, :key, :value) "
                            "ON CONFLICT (name, key) DO UPDATE SET value = excluded.value");
        stmt_text(s, ":name", name);
        stmt_text(s, ":key", tags[i].key);
        stmt_text(s, ":value", tags[i].value == NULL ? "" : tags[i].value);
        if (tag_is_of_prompt(tags[i].key)) {
            store_changes_note(&store->permissions); /* roles of MLflow's say one thing of prompts, another of models */
        }
        if (stmt_run_one(s, "setting a tag of a registered model", err) < 0) {
            return -1;
        }
    }
    return 0;
}

int store_registry_create(struct store *store, const char *name, const char *description, const struct pair *tags,
                          size_t tag_count, int64_t now_ms, struct err *err)
{
    if (registered_name_check_new(name, err) < 0 || registry_tags_check(tags, tag_count, err) < 0) {
        return -1;
    }
    struct stmt *s =
        stmt_get(store, "INSERT INTO registered_models (name, description, last_version, created_ms, updated_ms) "
                        "VALUES (:name, :description, 0, :now, :now) ON CONFLICT (name) DO NOTHING");
    stmt_text(s, ":name", name);
    stmt_text(s, ":description", description == NULL ? "" : description);
    stmt_int(s, ":now", now_ms);
    int64_t changed = stmt_run(s, err);
    if (changed <= 0) {
        return changed < 0 ? -1 : refuse_taken(store, name, has_prompt_tag(tags, tag_count), err);
    }
    return put_tags(store, name, tags, tag_count, err) < 0
               ? -1
               : event_model_created(store, name, description, tags, tag_count, now_ms, err);
}

int store_registry_describe(struct store *store, const char *name, const char *description, int64_t now_ms,
                            struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE registered_models SET description = :description, updated_ms = :now "
                                     "WHERE name = :name");
    stmt_text(s, ":name", name);
    stmt_text(s, ":description", description == NULL ? "" : description);
    stmt_int(s, ":now", now_ms);
    int64_t changed = stmt_run(s, err);
    return changed == 0 ? registry_no_model(name, err) : changed < 0 ? -1 : 0;
}

/* All rows of a name go over to another, in an order in which each refers to one that is there. */
static int move_rows(struct store *store, const char *name, const char *new_name, int64_t now_ms, struct err *err)
{
    static const char *const moves[] = {
        "INSERT INTO registered_models (name, description, last_version, created_ms, updated_ms, deployment_job) "
        "SELECT :new_name, description, last_version, created_ms, :now, deployment_job "
        "FROM registered_models WHERE name = :name",
        "INSERT INTO model_versions (" VERSION_COLUMNS ", maker) SELECT :new_name, version, model_id, source, run_id, "
        "user, description, stage, status, created_ms, :now, status_message, run_link, storage_location, maker "
        "FROM model_versions WHERE name = :name",
        "UPDATE registered_model_tags SET name = :new_name WHERE name = :name",
        "UPDATE model_version_tags SET name = :new_name WHERE name = :name",
        "UPDATE model_aliases SET name = :new_name WHERE name = :name",
        "UPDATE triggers SET model = :new_name WHERE model = :name",
        "DELETE FROM model_versions WHERE name = :name",
        "DELETE FROM registered_models WHERE name = :name",
    };
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
        struct stmt *s = stmt_get(store, moves[i]);
        stmt_text(s, ":name", name);
        if (i < 6) {
            stmt_text(s, ":new_name", new_name);
        }
        if (i < 2) {
            stmt_int(s, ":now", now_ms);
        }
        if (stmt_run(s, err) < 0) {
            return -1;
        }
    }
    return store_model_subscriptions_rename(store, name, new_name, err) < 0
               ? -1
               : store_permissions_rename(store, name, new_name, err);
}

/* One by one, as each may be guarded. */
static int delete_aliases(struct store *store, const char *name, const struct mover *by, int64_t now_ms,
                          struct err *err)
{
    struct arena *arena = arena_new();
    struct json aliases;
    int result = store_alias_list(store, name, arena, &aliases, err);
    for (size_t i = 0; result == 0 && i < aliases.u.object.count; i++) {
        int64_t previous = 0;
        result = store_alias_set(store, name, aliases.u.object.members[i].key.p, 0, -1, by, now_ms, &previous, err);
    }
    arena_free(arena);
    return result;
}

/* Versions leave their stages one by one, too. */
static int leave_stages(struct store *store, const char *name, const struct mover *by, int64_t now_ms, struct err *err)
{
    struct arena *arena = arena_new();
    struct model_version *versions = NULL;
    size_t count = 0;
    int result = store_version_list(store, name, arena, &versions, &count, err);
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = stage_leave(store, name, versions[i].version, by, now_ms, err);
    }
    arena_free(arena);
    return result;
}

/* To name a model otherwise takes its aliases and stages from the one name and gives them to the other. */
static int rename_guarded(struct store *store, const char *name, const char *new_name, const struct mover *by,
                          int64_t now_ms, struct err *err)
{
    struct arena *arena = arena_new();
    struct json aliases = json_object();
    struct model_version *versions = NULL;
    size_t count = 0;
    int result = store_alias_list(store, name, arena, &aliases, err) < 0 ||
                         store_version_list(store, name, arena, &versions, &count, err) < 0 ||
                         delete_aliases(store, name, by, now_ms, err) < 0 ||
                         leave_stages(store, name, by, now_ms, err) < 0 ||
                         move_rows(store, name, new_name, now_ms, err) < 0
                     ? -1
                     : 0;
    for (size_t i = 0; result == 0 && i < aliases.u.object.count; i++) {
        int64_t previous = 0;
        const struct json_member *alias = &aliases.u.object.members[i];
        result = store_alias_set(store, new_name, arena_str(arena, alias->key).p, alias->value.u.integer, 0, by, now_ms,
                                 &previous, err);
    }
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = stage_enter(store, new_name, versions[i].version, versions[i].stage, by, now_ms, err);
    }
    arena_free(arena);
    return result;
}

int store_registry_rename(struct store *store, const char *name, const char *new_name, const struct mover *by,
                          int64_t now_ms, struct err *err)
{
    struct err taken = {0};
    if (str_trim(str_from(new_name)).n == 0) {
        return err_set(err, ERR_INPUT, "Missing value for required parameter 'new_name'.");
    }
    if (registered_name_check_new(new_name, err) < 0 || registry_require(store, name, err) < 0) {
        return -1;
    }
    if (strcmp(name, new_name) == 0) {
        return registry_touch(store, name, now_ms, err);
    }
    if (registry_require(store, new_name, &taken) == 0) {
        return err_set(err, ERR_EXISTS, "Registered Model (name=%s) already exists.", new_name);
    }
    return taken.code == ERR_NOT_FOUND ? rename_guarded(store, name, new_name, by, now_ms, err)
                                       : err_pass(err, &taken);
}

int store_registry_delete(struct store *store, const char *name, const struct mover *by, int64_t now_ms,
                          struct err *err)
{
    static const char *const deletions[] = {
        "DELETE FROM model_version_tags WHERE name = :name",
        "DELETE FROM model_versions WHERE name = :name",
        "DELETE FROM registered_model_tags WHERE name = :name",
        "UPDATE triggers SET model = NULL, version = NULL WHERE model = :name",
        "DELETE FROM registered_models WHERE name = :name",
    };
    if (registry_require(store, name, err) < 0 || delete_aliases(store, name, by, now_ms, err) < 0 ||
        leave_stages(store, name, by, now_ms, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof deletions / sizeof deletions[0]; i++) {
        struct stmt *s = stmt_get(store, deletions[i]);
        stmt_text(s, ":name", name);
        if (stmt_run(s, err) < 0) {
            return -1;
        }
    }
    return store_model_subscriptions_rename(store, name, NULL, err) < 0 ? -1
                                                                        : store_permissions_forget(store, name, err);
}

/* ---- tags ------------------------------------------------------------------------------------------------ */

int registry_tags_check(const struct pair *tags, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        const char *value = tags[i].value;
        if (key_check_whole("key", "key", tags[i].key, err) < 0) {
            return -1;
        }
        if (strcmp(tags[i].key, "mlflow.prompt.text") == 0 &&
            value_cut(value, TAG_CHARACTERS_MAX).n < str_from(value).n) {
            return err_set(err, ERR_INPUT, "Prompt text exceeds max length of %d characters.", TAG_CHARACTERS_MAX);
        }
        if (value_check_length("value", value, TAG_CHARACTERS_MAX, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int store_registered_tag(struct store *store, const char *name, const char *key, const char *value, int64_t now_ms,
                         struct err *err)
{
    const struct pair tag = {key, value};
    if (registry_tags_check(&tag, 1, err) < 0 || registry_touch(store, name, now_ms, err) < 0) {
        return -1;
    }
    return put_tags(store, name, &tag, 1, err) < 0
               ? -1
               : event_model_tag(store, name, key, value == NULL ? "" : value, now_ms, err);
}

int store_registered_delete_tag(struct store *store, const char *name, const char *key, int64_t now_ms,
                                struct err *err)
{
    if (key_check("key", key, err) < 0 || registry_require(store, name, err) < 0) {
        return -1;
    }
    struct stmt *s = stmt_get(store, "DELETE FROM registered_model_tags WHERE name = :name AND key = :key");
    stmt_text(s, ":name", name);
    stmt_text(s, ":key", key);
    store_changes_note(&store->permissions); /* as put_tags does */
    int64_t changed = stmt_run(s, err);
    return changed <= 0 ? (int)changed : event_model_tag(store, name, key, NULL, now_ms, err);
}

int store_registered_tags(struct store *store, const char *name, struct arena *arena, struct json *ret,
                          struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT key, value FROM registered_model_tags WHERE name = :name ORDER BY key");
    stmt_text(s, ":name", name);
    return stmt_read_map(s, arena, ret, err);
}
