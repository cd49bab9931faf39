/* SPDX-License-Identifier: Apache-2.0 */
#include "store/moved.h"

#include "store/registry_internal.h"
#include "store/store_internal.h"

static const char *text(const char *given)
{
    return given == NULL ? "" : given;
}

static int put_version(struct store *store, const char *name, const struct moved_version *version, struct err *err)
{
    const struct model_version *info = &version->info;
    struct stmt *s = stmt_get(
        store, "INSERT INTO model_versions (" VERSION_COLUMNS ") VALUES (:name, :version, :model_id, :source, :run_id, "
               ":user, :description, :stage, :status, :created, :updated, :message, :link, :location)");
    stmt_text(s, ":name", name);
    stmt_int(s, ":version", info->version);
    stmt_text(s, ":model_id", info->model_id);
    stmt_text(s, ":source", text(info->source));
    stmt_text(s, ":run_id", info->run_id);
    stmt_text(s, ":user", text(info->user));
    stmt_text(s, ":description", text(info->description));
    stmt_text(s, ":stage", text(info->stage));
    stmt_text(s, ":status", text(info->status));
    stmt_int(s, ":created", info->created_ms);
    stmt_int(s, ":updated", info->updated_ms);
    stmt_text(s, ":message", text(info->status_message));
    stmt_text(s, ":link", text(info->run_link));
    stmt_text(s, ":location", text(info->storage_location));
    if (stmt_run_one(s, "writing a model version", err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < version->tags.count; i++) {
        s = stmt_get(store, "INSERT INTO model_version_tags (name, version, key, value) "
                            "VALUES (:name, :version, :key, :value)");
        stmt_text(s, ":name", name);
        stmt_int(s, ":version", info->version);
        stmt_text(s, ":key", version->tags.items[i].key);
        stmt_text(s, ":value", text(version->tags.items[i].value));
        if (stmt_run_one(s, "writing a tag of a model version", err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- what moves by it ------------------------------------------------------------------------------------------ */

/* What the home had under the name. */
struct held {
    struct arena *arena;
    struct model_version *versions;
    size_t count;
    struct json aliases;
};

static int read_held(struct store *store, const char *name, struct held *ret, struct err *err)
{
    struct err none = {0};
    *ret = (struct held){.arena = arena_new(), .aliases = json_object()};
    if (registry_require(store, name, &none) < 0) {
        return none.code == ERR_NOT_FOUND ? 0 : err_set(err, none.code, "%s", none.message);
    }
    return store_version_list(store, name, ret->arena, &ret->versions, &ret->count, err) < 0 ||
                   store_alias_list(store, name, ret->arena, &ret->aliases, err) < 0
               ? -1
               : 0;
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(text(a), text(b)) == 0;
}

/* The version of that number, if it is the same model before and after. */
static const struct model_version *same_version(const struct held *held, const struct moved_registered *registered,
                                                int64_t number)
{
    for (size_t i = 0; i < held->count; i++) {
        for (size_t k = 0; held->versions[i].version == number && k < registered->version_count; k++) {
            const struct model_version *now = &registered->versions[k].info;
            if (now->version == number && same_text(now->model_id, held->versions[i].model_id) &&
                same_text(now->source, held->versions[i].source) &&
                same_text(now->storage_location, held->versions[i].storage_location)) {
                return &held->versions[i];
            }
        }
    }
    return NULL;
}

static const struct moved_version *find_version(const struct moved_registered *registered, int64_t number)
{
    for (size_t i = 0; i < registered->version_count; i++) {
        if (registered->versions[i].info.version == number) {
            return &registered->versions[i];
        }
    }
    return NULL;
}

static bool alias_stays(const struct held *held, const struct moved_registered *registered,
                        const struct moved_alias *alias)
{
    return json_get_int(&held->aliases, alias->alias, 0) == alias->version &&
           same_version(held, registered, alias->version) != NULL;
}

static bool is_said(const struct moved_registered *registered, const struct held *held, struct str alias)
{
    for (size_t i = 0; i < registered->alias_count; i++) {
        if (str_is(alias, registered->aliases[i].alias)) {
            return alias_stays(held, registered, &registered->aliases[i]);
        }
    }
    return false;
}

static bool stage_stays(const struct held *held, const struct moved_registered *registered,
                        const struct model_version *version)
{
    const struct model_version *before = same_version(held, registered, version->version);
    const struct moved_version *now = find_version(registered, version->version);
    return before != NULL && now != NULL && same_text(before->stage, now->info.stage);
}

/* Aliases and stages that will say something else are left first. */
static int leave_what_moves(struct store *store, const struct held *held, const struct moved_registered *registered,
                            const struct mover *by, struct err *err)
{
    const char *name = registered->info.name;
    for (size_t i = 0; i < held->aliases.u.object.count; i++) {
        int64_t previous = 0;
        const struct json_member *alias = &held->aliases.u.object.members[i];
        if (!is_said(registered, held, alias->key) &&
            store_alias_set(store, name, arena_str(held->arena, alias->key).p, 0, -1, by, registered->info.updated_ms,
                            &previous, err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < held->count; i++) {
        if (!stage_stays(held, registered, &held->versions[i]) &&
            stage_leave(store, name, held->versions[i].version, by, registered->info.updated_ms, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int keep_alias(struct store *store, const char *name, const struct moved_alias *alias, int64_t now_ms,
                      struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO model_aliases (name, alias, version, moved_ms) "
                                     "VALUES (:name, :alias, :version, :now)");
    stmt_text(s, ":name", name);
    stmt_text(s, ":alias", alias->alias);
    stmt_int(s, ":version", alias->version);
    stmt_int(s, ":now", now_ms);
    return stmt_run_one(s, "writing an alias", err);
}

static int put_rest(struct store *store, const struct moved_registered *registered, const struct held *held,
                    const struct mover *by, struct err *err)
{
    const char *name = registered->info.name;
    store_changes_note(&store->permissions); /* it may be a prompt, of which roles of MLflow's say other things */
    for (size_t i = 0; i < registered->tags.count; i++) {
        struct stmt *s = stmt_get(store, "INSERT INTO registered_model_tags (name, key, value) "
                                         "VALUES (:name, :key, :value)");
        stmt_text(s, ":name", name);
        stmt_text(s, ":key", registered->tags.items[i].key);
        stmt_text(s, ":value", text(registered->tags.items[i].value));
        if (stmt_run_one(s, "writing a tag of a registered model", err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < registered->alias_count; i++) {
        int64_t previous = 0;
        const struct moved_alias *alias = &registered->aliases[i];
        /* When it began to point there is not known: when the model was touched. */
        if (alias_stays(held, registered, alias)) {
            if (keep_alias(store, name, alias, registered->info.updated_ms, err) < 0) {
                return -1;
            }
            continue;
        }
        if (store_alias_set(store, name, alias->alias, alias->version, -1, by, registered->info.updated_ms, &previous,
                            err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < registered->version_count; i++) {
        const struct model_version *info = &registered->versions[i].info;
        bool is_there = strcmp(text(info->stage), STAGE_DELETED) != 0; /* else it only keeps its number */
        if (is_there && !stage_stays(held, registered, info) &&
            stage_enter(store, name, info->version, text(info->stage), by, registered->info.updated_ms, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int put_row(struct store *store, const struct moved_registered *registered, struct err *err)
{
    const struct registered_model *info = &registered->info;
    struct stmt *s = stmt_get(store, "INSERT INTO registered_models (name, description, last_version, created_ms, "
                                     "updated_ms) VALUES (:name, :description, :last, :created, :updated) "
                                     "ON CONFLICT (name) DO UPDATE SET description = excluded.description, "
                                     "last_version = excluded.last_version, created_ms = excluded.created_ms, "
                                     "updated_ms = excluded.updated_ms");
    stmt_text(s, ":name", info->name);
    stmt_text(s, ":description", text(info->description));
    stmt_int(s, ":last", info->latest_version);
    stmt_int(s, ":created", info->created_ms);
    stmt_int(s, ":updated", info->updated_ms);
    return stmt_run_one(s, "writing a registered model", err);
}

static int put_all(struct store *store, const struct moved_registered *registered, const struct held *held,
                   const struct mover *by, struct err *err)
{
    static const char *const parts[] = {
        "DELETE FROM model_aliases WHERE name = :name",
        "DELETE FROM model_version_tags WHERE name = :name",
        "DELETE FROM model_versions WHERE name = :name",
        "DELETE FROM registered_model_tags WHERE name = :name",
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct stmt *s = stmt_get(store, parts[i]);
        stmt_text(s, ":name", registered->info.name);
        if (stmt_run(s, err) < 0) {
            return -1;
        }
    }
    if (put_row(store, registered, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < registered->version_count; i++) {
        if (put_version(store, registered->info.name, &registered->versions[i], err) < 0) {
            return -1;
        }
    }
    /* Moving an alias touches the model: it is as it was said afterwards. */
    return put_rest(store, registered, held, by, err) < 0 ? -1 : put_row(store, registered, err);
}

int store_moved_put_registered(struct store *store, const struct moved_registered *registered, const struct mover *by,
                               struct err *err)
{
    struct held held = {0};
    int result = read_held(store, registered->info.name, &held, err) < 0 ||
                         leave_what_moves(store, &held, registered, by, err) < 0 ||
                         put_all(store, registered, &held, by, err) < 0
                     ? -1
                     : 0;
    arena_free(held.arena);
    return result;
}
