/* SPDX-License-Identifier: Apache-2.0 */
#include "store/triggers.h"

#include "store/old_triggers.h"
#include "store/stmt.h"
#include "store/store_internal.h"

#include <string.h>

static const char *const outcome_names[] = {
    [TRIGGER_PENDING] = "pending",   [TRIGGER_STARTED] = "started",     [TRIGGER_SKIPPED] = "skipped",
    [TRIGGER_FILTERED] = "filtered", [TRIGGER_DUPLICATE] = "duplicate", [TRIGGER_EXPIRED] = "expired",
};

const char *trigger_outcome_name(enum trigger_outcome outcome)
{
    return outcome_names[outcome];
}

static enum trigger_outcome outcome_of(struct str name)
{
    size_t i = 0;
    while (i + 1 < sizeof outcome_names / sizeof outcome_names[0] && !str_is(name, outcome_names[i])) {
        i++;
    }
    return (enum trigger_outcome)i;
}

static void bind_time(struct stmt *s, const char *name, int64_t ms)
{
    if (ms == 0) {
        stmt_null(s, name);
    } else {
        stmt_int(s, name, ms);
    }
}

uint64_t store_triggers_changes(const struct store *store)
{
    return store->trigger_changes + 1;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

int store_trigger_next_id(struct store *store, int64_t *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT coalesce(max(id), 0) + 1 FROM triggers");
    int row = stmt_step(s, err);
    *ret = row == 1 ? stmt_column_int(s, 0) : 0;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

int store_trigger_insert(struct store *store, struct trigger_row *row, struct err *err)
{
    int gone = row->outcome == TRIGGER_DUPLICATE
                   ? 0
                   : trigger_mark_is_there(store, row->pipeline, row->kind, row->trigger_id, row->key, err);
    if (gone != 0) {
        return gone < 0 ? -1 : 0;
    }
    struct stmt *s = stmt_get(
        store, "INSERT INTO triggers (pipeline, kind, trigger_id, key, scheduled_for_ms, until_ms, occurrences, "
               "received_ms, due_ms, event, event_sha256, params, chain, actor, outcome, run_id, reason, settled_ms, "
               "model, version) VALUES (:pipeline, :kind, :trigger_id, :key, :scheduled_for, :until, :occurrences, "
               ":received, :due, :event, :event_sha256, :params, :chain, :actor, :outcome, :run_id, :reason, "
               ":settled, :model, :version) "
               "ON CONFLICT DO NOTHING");
    stmt_text(s, ":pipeline", row->pipeline);
    stmt_text(s, ":kind", row->kind);
    stmt_text(s, ":trigger_id", row->trigger_id);
    stmt_text(s, ":key", row->key);
    bind_time(s, ":scheduled_for", row->scheduled_for_ms);
    bind_time(s, ":until", row->until_ms);
    stmt_int(s, ":occurrences", row->occurrences);
    stmt_int(s, ":received", row->received_ms);
    bind_time(s, ":due", row->due_ms);
    stmt_text(s, ":event", row->event);
    stmt_text(s, ":event_sha256", row->event_sha256);
    stmt_text(s, ":params", row->params);
    stmt_text(s, ":chain", row->chain);
    stmt_text(s, ":actor", row->actor);
    stmt_text(s, ":outcome", trigger_outcome_name(row->outcome));
    stmt_text(s, ":run_id", row->run_id);
    stmt_text(s, ":reason", row->reason);
    bind_time(s, ":settled", row->settled_ms);
    stmt_text(s, ":model", row->model);
    bind_time(s, ":version", row->version);
    int64_t changed = stmt_run(s, err);
    if (changed <= 0) {
        return (int)changed;
    }
    row->id = stmt_last_id(store);
    store->trigger_changes += row->outcome == TRIGGER_PENDING ? 1 : 0;
    return 1;
}

int store_trigger_settle(struct store *store, const struct trigger_row *row, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE triggers SET outcome = :outcome, run_id = :run_id, reason = :reason, "
                                     "params = :params, settled_ms = :settled, due_ms = NULL, event = '', "
                                     "model = :model, version = :version "
                                     "WHERE id = :id AND outcome = 'pending'");
    stmt_text(s, ":outcome", trigger_outcome_name(row->outcome));
    stmt_text(s, ":run_id", row->run_id);
    stmt_text(s, ":reason", row->reason);
    stmt_text(s, ":params", row->params);
    stmt_int(s, ":settled", row->settled_ms);
    stmt_text(s, ":model", row->model);
    bind_time(s, ":version", row->version);
    stmt_int(s, ":id", row->id);
    return stmt_run_one(s, "settling a trigger", err);
}

int store_trigger_hold(struct store *store, const struct trigger_row *row, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE triggers SET due_ms = :due, reason = :reason, event = :event, "
                                     "params = :params WHERE id = :id AND outcome = 'pending'");
    bind_time(s, ":due", row->due_ms);
    stmt_text(s, ":reason", row->reason);
    stmt_text(s, ":event", row->event);
    stmt_text(s, ":params", row->params);
    stmt_int(s, ":id", row->id);
    store->trigger_changes += row->due_ms != 0 ? 1 : 0;
    return stmt_run_one(s, "letting a trigger wait", err);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

#define COLUMNS                                                                                                        \
    "t.id, t.pipeline, t.kind, t.trigger_id, t.key, t.scheduled_for_ms, t.until_ms, t.occurrences, t.received_ms, "    \
    "t.due_ms, t.event, t.event_sha256, t.params, t.chain, t.actor, t.outcome, t.run_id, t.reason, t.settled_ms, "     \
    "t.model, t.version "

enum { TRIGGER_COLUMNS = 21 };

static void read_row(struct stmt *s, struct arena *arena, void *item)
{
    *(struct trigger_row *)item = (struct trigger_row){
        .id = stmt_column_int(s, 0),
        .pipeline = stmt_column_text(s, 1, arena),
        .kind = stmt_column_text(s, 2, arena),
        .trigger_id = stmt_column_text(s, 3, arena),
        .key = stmt_column_text(s, 4, arena),
        .scheduled_for_ms = stmt_column_int(s, 5),
        .until_ms = stmt_column_int(s, 6),
        .occurrences = stmt_column_int(s, 7),
        .received_ms = stmt_column_int(s, 8),
        .due_ms = stmt_column_int(s, 9),
        .event = stmt_column_text(s, 10, arena),
        .event_sha256 = stmt_column_text(s, 11, arena),
        .params = stmt_column_text(s, 12, arena),
        .chain = stmt_column_text(s, 13, arena),
        .actor = stmt_column_text(s, 14, arena),
        .outcome = outcome_of(stmt_column_view(s, 15)),
        .run_id = stmt_column_text_or_null(s, 16, arena),
        .reason = stmt_column_text(s, 17, arena),
        .settled_ms = stmt_column_int(s, 18),
        .model = stmt_column_text_or_null(s, 19, arena),
        .version = stmt_column_int(s, 20),
    };
}

/* 1, 0, or -1. */
static int read_one(struct stmt *s, struct arena *arena, struct trigger_row *ret, struct err *err)
{
    return stmt_read_row(s, read_row, arena, ret, err);
}

int store_trigger_get(struct store *store, int64_t id, struct arena *arena, struct trigger_row *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " COLUMNS "FROM triggers AS t WHERE id = :id");
    stmt_int(s, ":id", id);
    int row = read_one(s, arena, ret, err);
    return row == 1 ? 0 : row < 0 ? -1 : err_set(err, ERR_NOT_FOUND, "no trigger %lld", (long long)id);
}

int store_trigger_find(struct store *store, const char *pipeline, const char *kind, const char *trigger_id,
                       const char *key, struct arena *arena, struct trigger_row *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " COLUMNS "FROM triggers AS t WHERE pipeline = :pipeline AND "
                                     "kind = :kind AND trigger_id = :trigger_id AND key = :key AND "
                                     "outcome <> 'duplicate'");
    stmt_text(s, ":pipeline", pipeline);
    stmt_text(s, ":kind", kind);
    stmt_text(s, ":trigger_id", trigger_id);
    stmt_text(s, ":key", key);
    int found = read_one(s, arena, ret, err);
    if (found == 0 && (found = trigger_mark_is_there(store, pipeline, kind, trigger_id, key, err)) == 1) {
        *ret = (struct trigger_row){.pipeline = pipeline, .kind = kind, .trigger_id = trigger_id, .key = key};
    }
    return found;
}

const char *trigger_same_words(const struct trigger_row *earlier, struct arena *arena)
{
    return earlier->id == 0 ? "the same was there before, and its record has gone"
                            : arena_printf(arena, "the same as trigger %lld", (long long)earlier->id);
}

int store_trigger_of_run(struct store *store, const char *run_id, struct arena *arena, struct trigger_row *ret,
                         struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " COLUMNS "FROM triggers AS t WHERE run_id = :run_id");
    stmt_text(s, ":run_id", run_id);
    return read_one(s, arena, ret, err);
}

int store_triggers_due(struct store *store, int64_t now_ms, size_t limit, struct arena *arena,
                       struct trigger_row **ret, size_t *ret_count, int64_t *ret_next_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " COLUMNS "FROM triggers AS t INDEXED BY triggers_pending "
                                     "WHERE outcome = 'pending' AND due_ms <= :now ORDER BY due_ms, id LIMIT :limit");
    stmt_int(s, ":now", now_ms);
    stmt_int(s, ":limit", (int64_t)limit);
    if (stmt_read_rows(s, read_row, sizeof **ret, arena, ret, ret_count, err) < 0) {
        return -1;
    }
    s = stmt_get(store, "SELECT due_ms FROM triggers INDEXED BY triggers_pending WHERE outcome = 'pending' "
                        "AND due_ms IS NOT NULL ORDER BY due_ms LIMIT 1 OFFSET :taken");
    stmt_int(s, ":taken", (int64_t)*ret_count);
    int row = stmt_step(s, err);
    *ret_next_ms = row == 1 ? stmt_column_int(s, 0) : 0;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

#define HELD                                                                                                           \
    "SELECT " COLUMNS "FROM triggers AS t INDEXED BY triggers_held WHERE outcome = 'pending' AND due_ms IS NULL "

int store_triggers_held(struct store *store, const char *pipeline, const char *trigger_id, struct arena *arena,
                        struct trigger_row **ret, size_t *ret_count, struct err *err)
{
    if (pipeline == NULL) {
        return stmt_read_rows(stmt_get(store, HELD "ORDER BY id"), read_row, sizeof **ret, arena, ret, ret_count, err);
    }
    struct stmt *s = stmt_get(store, HELD "AND pipeline = :pipeline AND trigger_id = :trigger_id ORDER BY id");
    stmt_text(s, ":pipeline", pipeline);
    stmt_text(s, ":trigger_id", trigger_id);
    return stmt_read_rows(s, read_row, sizeof **ret, arena, ret, ret_count, err);
}

int store_triggers_about(struct store *store, const char *pipeline, const char *trigger_id, const char *model,
                         int64_t but, struct arena *arena, struct trigger_row **ret, size_t *ret_count,
                         struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " COLUMNS "FROM triggers AS t INDEXED BY triggers_model_pending "
                                     "WHERE outcome = 'pending' AND model IS NOT NULL AND model = :model "
                                     "AND pipeline = :pipeline AND trigger_id = :trigger_id AND id <> :but "
                                     "ORDER BY id");
    stmt_text(s, ":model", model);
    stmt_text(s, ":pipeline", pipeline);
    stmt_text(s, ":trigger_id", trigger_id);
    stmt_int(s, ":but", but);
    return stmt_read_rows(s, read_row, sizeof **ret, arena, ret, ret_count, err);
}

int store_triggers_set_back(struct store *store, int64_t by_ms, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE triggers SET due_ms = due_ms - :by WHERE outcome = 'pending' "
                                     "AND due_ms IS NOT NULL");
    stmt_int(s, ":by", by_ms);
    store->trigger_changes++;
    return stmt_run(s, err) < 0 ? -1 : 0;
}

#define LABEL "r.pipeline || '/' || r.number || CASE WHEN r.revision > 1 THEN '.' || r.revision ELSE '' END"

static void read_run(struct stmt *s, struct arena *arena, void *item)
{
    *(struct trigger_run *)item = (struct trigger_run){
        .run_id = stmt_column_text(s, 0, arena),
        .label = stmt_column_text(s, 1, arena),
        .state = stmt_column_text(s, 2, arena),
    };
}

/* A home has few open runs among all there were: they are asked who started them. */
int store_trigger_open_runs(struct store *store, const char *pipeline, const char *schedule, int64_t backfill,
                            struct arena *arena, struct trigger_run **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "SELECT r.run_id, " LABEL ", r.state FROM pipeline_runs AS r INDEXED BY pipeline_runs_open "
               "CROSS JOIN triggers AS t ON t.run_id = r.run_id WHERE r.ended_ms IS NULL AND r.pipeline = :pipeline "
               "AND t.trigger_id = :schedule AND ((:backfill = 0 AND t.kind = 'schedule') OR (t.kind = 'backfill' "
               "AND substr(t.key, 1, instr(t.key, ' ')) = :backfill || ' ')) ORDER BY r.created_ms, r.number");
    stmt_text(s, ":pipeline", pipeline);
    stmt_text(s, ":schedule", schedule);
    stmt_int(s, ":backfill", backfill);
    return stmt_read_rows(s, read_run, sizeof **ret, arena, ret, ret_count, err);
}

/* A retry is of the same occurrence, and its word counts: it is the newest revision of the run's number. */
int store_trigger_occurrence(struct store *store, const char *pipeline, const char *schedule, int64_t scheduled_for_ms,
                             struct arena *arena, struct trigger_run *ret, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "SELECT r.run_id, " LABEL ", r.state FROM triggers AS t INDEXED BY triggers_scheduled "
               "JOIN pipeline_runs AS o ON o.run_id = t.run_id JOIN pipeline_runs AS r ON r.pipeline = o.pipeline "
               "AND r.number = o.number AND r.parent_run IS NULL WHERE t.pipeline = :pipeline "
               "AND t.trigger_id = :schedule AND t.scheduled_for_ms = :at AND t.kind IN ('schedule', 'backfill') "
               "ORDER BY r.number DESC, r.revision DESC LIMIT 1");
    stmt_text(s, ":pipeline", pipeline);
    stmt_text(s, ":schedule", schedule);
    stmt_int(s, ":at", scheduled_for_ms);
    return stmt_read_row(s, read_run, arena, ret, err);
}

int store_trigger_list(struct store *store, const struct trigger_filter *filter, struct arena *arena,
                       struct trigger_row **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "SELECT " COLUMNS ", r.number || CASE WHEN r.revision > 1 THEN '.' || r.revision ELSE '' END "
               "FROM triggers AS t LEFT JOIN pipeline_runs AS r ON r.run_id = t.run_id WHERE (:before = 0 OR "
               "t.id < :before) AND (:pipeline IS NULL OR t.pipeline = :pipeline) AND (:kind IS NULL OR "
               "t.kind = :kind) AND (:outcome IS NULL OR t.outcome = :outcome) ORDER BY t.id DESC LIMIT :limit");
    struct trigger_row *items = NULL;
    size_t count = 0;
    size_t room = 0;
    int row = 0;
    stmt_int(s, ":before", filter->before);
    stmt_text(s, ":pipeline", filter->pipeline);
    stmt_text(s, ":kind", filter->kind);
    stmt_text(s, ":outcome", filter->outcome);
    stmt_int(s, ":limit", filter->limit == 0 ? 100 : (int64_t)filter->limit);
    while ((row = stmt_step(s, err)) == 1) {
        items = arena_grow(arena, items, count, &room, sizeof *items);
        read_row(s, arena, &items[count]);
        items[count++].label = stmt_column_text_or_null(s, TRIGGER_COLUMNS, arena);
    }
    stmt_done(s);
    *ret = items;
    *ret_count = count;
    return row;
}
