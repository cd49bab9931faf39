/* SPDX-License-Identifier: Apache-2.0 */
#include "store/in_force.h"

#include "base/str.h"
#include "store/trigger_rows.h"

/* ---- pipelines -------------------------------------------------------------------------------------------------- */

#define COLUMNS IN_FORCE_COLUMNS("")

void in_force_bind(struct stmt *s, const struct pipeline_in_force *row)
{
    stmt_text(s, ":name", row->name);
    stmt_text(s, ":source", row->source);
    stmt_text(s, ":path", row->path);
    stmt_text(s, ":file", row->file);
    stmt_text(s, ":folder", row->folder);
    stmt_text(s, ":workspace", row->workspace);
    stmt_text(s, ":definition", row->definition);
    stmt_text(s, ":git", row->git);
    stmt_text(s, ":stamp", row->stamp);
    stmt_int(s, ":since", row->since_ms);
}

struct pipeline_in_force in_force_read(struct stmt *s, int at, struct arena *arena)
{
    return (struct pipeline_in_force){
        .name = stmt_column_text(s, at, arena),
        .source = stmt_column_text(s, at + 1, arena),
        .path = stmt_column_text(s, at + 2, arena),
        .file = stmt_column_text(s, at + 3, arena),
        .folder = stmt_column_text(s, at + 4, arena),
        .workspace = stmt_column_text(s, at + 5, arena),
        .definition = stmt_column_text(s, at + 6, arena),
        .git = stmt_column_text(s, at + 7, arena),
        .stamp = stmt_column_text(s, at + 8, arena),
        .since_ms = stmt_column_int(s, at + 9),
    };
}

int store_in_force_put(struct store *store, const struct pipeline_in_force *row, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "INSERT INTO settled_pipelines (" COLUMNS ") VALUES (:name, :source, :path, :file, :folder, "
               ":workspace, :definition, :git, :stamp, :since) ON CONFLICT (name) DO UPDATE SET source = :source, "
               "path = :path, file = :file, folder = :folder, workspace = :workspace, definition = :definition, "
               "git = :git, stamp = :stamp, since_ms = :since");
    in_force_bind(s, row);
    return stmt_run_one(s, "putting a pipeline in force", err);
}

static int read_one(struct stmt *s, struct arena *arena, struct pipeline_in_force *ret, struct err *err)
{
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = in_force_read(s, 0, arena);
    }
    stmt_done(s);
    return row;
}

static void read_row(struct stmt *s, struct arena *arena, void *item)
{
    *(struct pipeline_in_force *)item = in_force_read(s, 0, arena);
}

int store_in_force_list(struct store *store, const char *source, struct arena *arena, struct pipeline_in_force **ret,
                        size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " COLUMNS "FROM pipelines_in_force WHERE :source IS NULL "
                                     "OR source = :source ORDER BY name");
    stmt_text(s, ":source", source);
    return stmt_read_rows(s, read_row, sizeof **ret, arena, ret, ret_count, err);
}

int store_in_force_of_others(struct store *store, const char *source, struct arena *arena,
                             struct pipeline_in_force **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s =
        stmt_get(store, "SELECT " COLUMNS "FROM pipelines_in_force WHERE source <> :source ORDER BY name");
    stmt_text(s, ":source", source);
    return stmt_read_rows(s, read_row, sizeof **ret, arena, ret, ret_count, err);
}

int store_in_force_names(struct store *store, struct arena *arena, const char ***ret, size_t *ret_count,
                         struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT name FROM pipelines_in_force ORDER BY name");
    return stmt_read_rows(s, stmt_read_text, sizeof **ret, arena, ret, ret_count, err);
}

int store_in_force_of_file(struct store *store, const char *source, const char *path, struct arena *arena,
                           struct pipeline_in_force *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " COLUMNS "FROM pipelines_in_force WHERE source = :source "
                                     "AND path = :path");
    stmt_text(s, ":source", source);
    stmt_text(s, ":path", path);
    return read_one(s, arena, ret, err);
}

/* Says what there is that is called much the same. */
static int unknown(struct store *store, const char *name, struct arena *arena, struct err *err)
{
    struct pipeline_in_force *rows = NULL;
    size_t count = 0;
    if (store_in_force_list(store, NULL, arena, &rows, &count, err) < 0) {
        return -1;
    }
    struct str *names = arena_array(arena, count, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = str_from(rows[i].name);
    }
    ptrdiff_t near = str_nearest(str_from(name), names, count);
    return near >= 0 ? err_set(err, ERR_NOT_FOUND, "no pipeline '%s' is in force: did you mean '%s'?", name,
                               names[near].p)
                     : err_set(err, ERR_NOT_FOUND, "no pipeline '%s' is in force in this home", name);
}

int store_in_force_find(struct store *store, const char *name, struct arena *arena, struct pipeline_in_force *ret,
                        struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " COLUMNS "FROM pipelines_in_force WHERE name = :name");
    stmt_text(s, ":name", name);
    return read_one(s, arena, ret, err);
}

int store_in_force_get(struct store *store, const char *name, struct arena *arena, struct pipeline_in_force *ret,
                       struct err *err)
{
    int found = store_in_force_find(store, name, arena, ret, err);
    return found == 1 ? 0 : found < 0 ? -1 : unknown(store, name, arena, err);
}

int store_in_force_remove(struct store *store, const char *name, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM settled_pipelines WHERE name = :name");
    stmt_text(s, ":name", name);
    return stmt_run(s, err) < 0 ? -1 : store_subscriptions_clear(store, name, err);
}

/* ---- files that are refused ------------------------------------------------------------------------------------- */

int store_refused_put(struct store *store, const struct refused_file *row, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "INSERT INTO refused_files (source, path, name, problems, stamp, since_ms) VALUES (:source, :path, "
               ":name, :problems, :stamp, :since) ON CONFLICT (source, path) DO UPDATE SET name = :name, "
               "problems = :problems, stamp = :stamp, since_ms = :since");
    stmt_text(s, ":source", row->source);
    stmt_text(s, ":path", row->path);
    stmt_text(s, ":name", row->name);
    stmt_text(s, ":problems", row->problems);
    stmt_text(s, ":stamp", row->stamp);
    stmt_int(s, ":since", row->since_ms);
    return stmt_run_one(s, "noting a refused file", err);
}

int store_refused_remove(struct store *store, const char *source, const char *path, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM refused_files WHERE source = :source AND path = :path");
    stmt_text(s, ":source", source);
    stmt_text(s, ":path", path);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

int store_refused_clear(struct store *store, const char *source, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM refused_files WHERE source = :source");
    stmt_text(s, ":source", source);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

static void read_refused(struct stmt *s, struct arena *arena, void *item)
{
    *(struct refused_file *)item = (struct refused_file){
        .source = stmt_column_text(s, 0, arena),
        .path = stmt_column_text(s, 1, arena),
        .name = stmt_column_text(s, 2, arena),
        .problems = stmt_column_text(s, 3, arena),
        .stamp = stmt_column_text(s, 4, arena),
        .since_ms = stmt_column_int(s, 5),
    };
}

int store_refused_list(struct store *store, const char *source, struct arena *arena, struct refused_file **ret,
                       size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT source, path, name, problems, stamp, since_ms FROM refused_files "
                                     "WHERE :source IS NULL OR source = :source ORDER BY source, path");
    stmt_text(s, ":source", source);
    return stmt_read_rows(s, read_refused, sizeof **ret, arena, ret, ret_count, err);
}

/* ---- subscriptions ---------------------------------------------------------------------------------------------- */

int store_subscription_put(struct store *store, const struct subscription *row, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO settled_subscriptions (pipeline, kind, trigger_id, about, settings) "
                                     "VALUES (:pipeline, :kind, :trigger_id, :about, :settings)");
    stmt_text(s, ":pipeline", row->pipeline);
    stmt_text(s, ":kind", row->kind);
    stmt_text(s, ":trigger_id", row->trigger_id);
    stmt_text(s, ":about", row->about);
    stmt_text(s, ":settings", row->settings);
    return stmt_run_one(s, "noting what a pipeline listens to", err);
}

int store_subscriptions_clear(struct store *store, const char *pipeline, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM settled_subscriptions WHERE pipeline = :pipeline");
    stmt_text(s, ":pipeline", pipeline);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

#define SUBSCRIPTION "pipeline, kind, trigger_id, about, settings FROM subscriptions "

static void read_subscription(struct stmt *s, struct arena *arena, void *item)
{
    *(struct subscription *)item = (struct subscription){
        .pipeline = stmt_column_text(s, 0, arena),
        .kind = stmt_column_text(s, 1, arena),
        .trigger_id = stmt_column_text(s, 2, arena),
        .about = stmt_column_text(s, 3, arena),
        .settings = stmt_column_text(s, 4, arena),
    };
}

int store_subscription_find(struct store *store, const char *kind, const char *pipeline, struct arena *arena,
                            struct subscription *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " SUBSCRIPTION "WHERE kind = :kind AND about = '' AND "
                                     "pipeline = :pipeline");
    stmt_text(s, ":kind", kind);
    stmt_text(s, ":pipeline", pipeline);
    return stmt_read_row(s, read_subscription, arena, ret, err);
}

int store_subscription_list(struct store *store, const char *kind, const char *about, struct arena *arena,
                            struct subscription **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s =
        about != NULL ? stmt_get(store, "SELECT " SUBSCRIPTION
                                        "WHERE kind = :kind AND about = :about ORDER BY pipeline, trigger_id")
                      : stmt_get(store, "SELECT " SUBSCRIPTION
                                        "WHERE kind = :kind ORDER BY pipeline, trigger_id");
    stmt_text(s, ":kind", kind);
    if (about != NULL) {
        stmt_text(s, ":about", about);
    }
    return stmt_read_rows(s, read_subscription, sizeof **ret, arena, ret, ret_count, err);
}
