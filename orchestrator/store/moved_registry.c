/* SPDX-License-Identifier: Apache-2.0 */
#include "store/moved.h"

#include "store/registry_internal.h"

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

static int put_rest(struct store *store, const struct moved_registered *registered, struct err *err)
{
    const char *name = registered->info.name;
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
        /* The one place that moves aliases; when it began to point there is not known: when the model was touched. */
        if (store_alias_set(store, name, alias->alias, alias->version, -1, registered->info.updated_ms, &previous,
                            err) < 0) {
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

int store_moved_put_registered(struct store *store, const struct moved_registered *registered, struct err *err)
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
    return put_rest(store, registered, err) < 0 ? -1 : put_row(store, registered, err);
}
