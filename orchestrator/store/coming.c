/* SPDX-License-Identifier: Apache-2.0 */
#include "store/coming.h"

#include "store/trigger_rows.h"

static const char *const change_words[] = {
    [COMING_OTHER] = "other",
    [COMING_MOVED] = "moved",
    [COMING_GONE] = "gone",
};

static enum coming_change change_of(struct str word)
{
    size_t i = 0;
    while (i + 1 < sizeof change_words / sizeof change_words[0] && !str_is(word, change_words[i])) {
        i++;
    }
    return (enum coming_change)i;
}

static int run_of(struct store *store, const char *sql, const char *name, struct err *err)
{
    struct stmt *s = stmt_get(store, sql);
    stmt_text(s, ":name", name);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

static int run_of_source(struct store *store, const char *sql, const char *source, const char *name, struct err *err)
{
    struct stmt *s = stmt_get(store, sql);
    stmt_text(s, ":source", source);
    stmt_text(s, ":name", name);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

int store_coming_begin(struct store *store, const char *source, const char *actor, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO coming_commits (source, counts, since_ms, actor, push) "
                                     "VALUES (:source, 0, 0, :actor, '{}')");
    stmt_text(s, ":source", source);
    stmt_text(s, ":actor", actor);
    return stmt_run_one(s, "beginning a commit", err);
}

static int put_schedule(struct store *store, const char *source, const struct schedule_row *row, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "INSERT INTO coming_schedules (source, pipeline, schedule, cron, timezone, catchup, window_ms, most, "
               "jitter_ms, overlap, next_ms) VALUES (:source, :pipeline, :schedule, :cron, :timezone, :catchup, "
               ":window, :most, :jitter, :overlap, :next)");
    stmt_text(s, ":source", source);
    schedule_bind(s, row);
    return stmt_run_one(s, "writing a schedule that is coming", err);
}

static int put_subscription(struct store *store, const char *source, const struct subscription *row, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO coming_subscriptions (source, pipeline, kind, trigger_id, about, "
                                     "settings) VALUES (:source, :pipeline, :kind, :trigger_id, :about, :settings)");
    stmt_text(s, ":source", source);
    stmt_text(s, ":pipeline", row->pipeline);
    stmt_text(s, ":kind", row->kind);
    stmt_text(s, ":trigger_id", row->trigger_id);
    stmt_text(s, ":about", row->about);
    stmt_text(s, ":settings", row->settings);
    return stmt_run_one(s, "writing what a pipeline that is coming listens to", err);
}

int store_coming_put(struct store *store, const struct coming_pipeline *pipeline, const struct schedule_row *schedules,
                     size_t schedule_count, const struct subscription *subscriptions, size_t subscription_count,
                     struct err *err)
{
    const struct pipeline_in_force *row = &pipeline->row;
    struct stmt *s = stmt_get(
        store, "INSERT INTO coming_pipelines (source, name, change, was, path, file, folder, workspace, definition, "
               "git, stamp, since_ms) VALUES (:source, :name, :change, :was, :path, :file, :folder, :workspace, "
               ":definition, :git, :stamp, :since)");
    in_force_bind(s, row);
    stmt_text(s, ":change", change_words[pipeline->change]);
    stmt_text(s, ":was", pipeline->was);
    if (stmt_run_one(s, "writing a pipeline that is coming", err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < schedule_count; i++) {
        if (put_schedule(store, row->source, &schedules[i], err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < subscription_count; i++) {
        if (put_subscription(store, row->source, &subscriptions[i], err) < 0) {
            return -1;
        }
    }
    return 0;
}

int store_coming_counts(struct store *store, const char *source, int64_t since_ms, const char *push, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE coming_commits SET counts = 1, since_ms = :since, push = :push "
                                     "WHERE source = :source AND NOT counts");
    stmt_int(s, ":since", since_ms);
    stmt_text(s, ":push", push);
    stmt_text(s, ":source", source);
    return stmt_run_one(s, "putting a commit in force", err);
}

int store_coming_none(struct store *store, const char *source, const char *actor, int64_t since_ms, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "INSERT INTO coming_pipelines (source, name, change, was, path, file, folder, workspace, definition, "
               "git, stamp, since_ms) SELECT source, name, 'gone', definition, path, file, folder, workspace, "
               "definition, git, stamp, 0 FROM pipelines_in_force WHERE source = :source");
    stmt_text(s, ":source", source);
    return store_coming_begin(store, source, actor, err) < 0 || stmt_run(s, err) < 0
               ? -1
               : store_coming_counts(store, source, since_ms, "{}", err);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

#define COMMIT "m.source, m.counts, m.since_ms, m.actor, m.push "
#define PIPELINE "c.change, c.was, " IN_FORCE_COLUMNS("c.")

enum { PIPELINE_COLUMNS = 2 + IN_FORCE_COLUMN_COUNT };

static struct coming_commit read_commit(struct stmt *s, int at, struct arena *arena)
{
    return (struct coming_commit){
        .source = stmt_column_text(s, at, arena),
        .counts = stmt_column_int(s, at + 1) != 0,
        .since_ms = stmt_column_int(s, at + 2),
        .actor = stmt_column_text(s, at + 3, arena),
        .push = stmt_column_text(s, at + 4, arena),
    };
}

static struct coming_pipeline read_pipeline(struct stmt *s, struct arena *arena)
{
    return (struct coming_pipeline){
        .change = change_of(stmt_column_view(s, 0)),
        .was = stmt_column_text(s, 1, arena),
        .row = in_force_read(s, 2, arena),
    };
}

static void read_listed(struct stmt *s, struct arena *arena, void *item)
{
    *(struct coming_commit *)item = read_commit(s, 0, arena);
}

int store_coming_list(struct store *store, struct arena *arena, struct coming_commit **ret, size_t *ret_count,
                      struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " COMMIT "FROM coming_commits AS m ORDER BY m.source");
    return stmt_read_rows(s, read_listed, sizeof **ret, arena, ret, ret_count, err);
}

int store_coming_next(struct store *store, const char *source, struct arena *arena, struct coming_pipeline *ret,
                      struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " PIPELINE "FROM coming_pipelines AS c WHERE c.source = :source "
                                     "ORDER BY c.name LIMIT 1");
    stmt_text(s, ":source", source);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = read_pipeline(s, arena);
    }
    stmt_done(s);
    return row;
}

int store_coming_find(struct store *store, const char *name, struct arena *arena, struct coming_commit *ret_commit,
                      struct coming_pipeline *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " PIPELINE ", " COMMIT "FROM coming_pipelines AS c "
                                     "JOIN coming_commits AS m USING (source) WHERE m.counts AND c.name = :name");
    stmt_text(s, ":name", name);
    int row = stmt_step(s, err);
    if (row == 1) {
        *ret = read_pipeline(s, arena);
        *ret_commit = read_commit(s, PIPELINE_COLUMNS, arena);
    }
    stmt_done(s);
    return row;
}

/* ---- settling --------------------------------------------------------------------------------------------------- */

/* What the views say of a pipeline becomes rows: they say the same when what was coming is gone. */

static int settle_triggers(struct store *store, const char *source, const char *name, struct err *err)
{
    static const char schedules[] =
        "INSERT OR REPLACE INTO settled_schedules (pipeline, schedule, cron, timezone, catchup, window_ms, most, "
        "jitter_ms, overlap, in_force, decided_ms, next_ms, missed, paused_ms, paused_by, pause_reason) "
        "SELECT pipeline, schedule, cron, timezone, catchup, window_ms, most, jitter_ms, overlap, in_force, "
        "decided_ms, next_ms, missed, paused_ms, paused_by, pause_reason FROM schedules WHERE pipeline = :name";
    static const char subscriptions[] =
        "INSERT INTO settled_subscriptions (pipeline, kind, trigger_id, about, settings) "
        "SELECT pipeline, kind, trigger_id, about, settings FROM coming_subscriptions WHERE pipeline = :name "
        "AND source = :source";
    return run_of(store, schedules, name, err) < 0 || store_subscriptions_clear(store, name, err) < 0
               ? -1
               : run_of_source(store, subscriptions, source, name, err);
}

/* Its file may have had another pipeline before, whose row goes: what becomes of that pipeline is coming, too. */
static int settle_pipeline(struct store *store, const char *source, const char *name, struct err *err)
{
    static const char put[] =
        "INSERT OR REPLACE INTO settled_pipelines (name, source, path, file, folder, workspace, definition, git, "
        "stamp, since_ms) SELECT name, source, path, file, folder, workspace, definition, git, stamp, since_ms "
        "FROM pipelines_in_force WHERE name = :name AND source = :source";
    return run_of_source(store, put, source, name, err);
}

static int end_pipeline(struct store *store, const char *source, const char *name, struct err *err)
{
    return run_of_source(store, "DELETE FROM settled_pipelines WHERE name = :name AND source = :source", source, name,
                         err);
}

int store_coming_settle(struct store *store, const char *source, const struct coming_pipeline *pipeline,
                        struct err *err)
{
    const char *name = pipeline->row.name;
    return (pipeline->change != COMING_MOVED && settle_triggers(store, source, name, err) < 0) ||
                   (pipeline->change == COMING_GONE ? end_pipeline(store, source, name, err)
                                                    : settle_pipeline(store, source, name, err)) < 0
               ? -1
               : store_coming_drop(store, source, name, err);
}

int store_coming_drop(struct store *store, const char *source, const char *name, struct err *err)
{
    static const char *const tables[] = {
        "DELETE FROM coming_schedules WHERE pipeline = :name AND source = :source",
        "DELETE FROM coming_subscriptions WHERE pipeline = :name AND source = :source",
        "DELETE FROM coming_pipelines WHERE name = :name AND source = :source",
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (run_of_source(store, tables[i], source, name, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int store_coming_over(struct store *store, const char *source, struct err *err)
{
    struct stmt *s = stmt_get(store, "DELETE FROM coming_commits WHERE source = :source");
    stmt_text(s, ":source", source);
    return stmt_run_one(s, "ending a commit", err);
}
