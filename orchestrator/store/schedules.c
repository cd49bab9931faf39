/* SPDX-License-Identifier: Apache-2.0 */
#include "store/schedules.h"

#include "base/str.h"
#include "store/trigger_rows.h"

static void bind_time(struct stmt *s, const char *name, int64_t ms)
{
    if (ms == 0) {
        stmt_null(s, name);
    } else {
        stmt_int(s, name, ms);
    }
}

void schedule_bind(struct stmt *s, const struct schedule_row *row)
{
    stmt_text(s, ":pipeline", row->pipeline);
    stmt_text(s, ":schedule", row->schedule);
    stmt_text(s, ":cron", row->cron);
    stmt_text(s, ":timezone", row->timezone);
    stmt_text(s, ":catchup", row->catchup);
    stmt_int(s, ":window", row->window_ms);
    stmt_int(s, ":most", row->most);
    stmt_int(s, ":jitter", row->jitter_ms);
    stmt_text(s, ":overlap", row->overlap);
    bind_time(s, ":next", row->next_ms);
}

#define COLUMNS                                                                                                        \
    "pipeline, schedule, cron, timezone, catchup, window_ms, most, jitter_ms, overlap, in_force, decided_ms, "         \
    "next_ms, missed, paused_ms, paused_by, pause_reason "

int store_schedule_put(struct store *store, const struct schedule_row *row, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "INSERT INTO settled_schedules (pipeline, schedule, cron, timezone, catchup, window_ms, most, "
               "jitter_ms, overlap, in_force, decided_ms, next_ms) VALUES (:pipeline, :schedule, :cron, :timezone, "
               ":catchup, :window, :most, :jitter, :overlap, :in_force, :decided, :next) ON CONFLICT (pipeline, "
               "schedule) DO UPDATE SET cron = :cron, timezone = :timezone, catchup = :catchup, window_ms = :window, "
               "most = :most, jitter_ms = :jitter, overlap = :overlap, in_force = :in_force, decided_ms = :decided, "
               "next_ms = :next");
    schedule_bind(s, row);
    stmt_int(s, ":in_force", row->in_force ? 1 : 0);
    stmt_int(s, ":decided", row->decided_ms);
    return stmt_run_one(s, "putting a schedule in force", err);
}

int store_schedules_out_of_force(struct store *store, const char *pipeline, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE settled_schedules SET in_force = 0, next_ms = NULL "
                                     "WHERE pipeline = :pipeline");
    stmt_text(s, ":pipeline", pipeline);
    return stmt_run(s, err) < 0 ? -1 : 0;
}

int store_schedule_decided(struct store *store, const struct schedule_row *row, int64_t missed, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE settled_schedules SET decided_ms = :decided, next_ms = :next, "
                                     "missed = missed + :missed WHERE pipeline = :pipeline AND schedule = :schedule");
    stmt_int(s, ":decided", row->decided_ms);
    bind_time(s, ":next", row->next_ms);
    stmt_int(s, ":missed", missed);
    stmt_text(s, ":pipeline", row->pipeline);
    stmt_text(s, ":schedule", row->schedule);
    return stmt_run_one(s, "noting what a schedule has come to", err);
}

int store_schedule_pause(struct store *store, const struct schedule_row *row, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE settled_schedules SET paused_ms = :paused, paused_by = :by, "
                                     "pause_reason = :reason WHERE pipeline = :pipeline AND schedule = :schedule");
    bind_time(s, ":paused", row->paused_ms);
    stmt_text(s, ":by", row->paused_by);
    stmt_text(s, ":reason", row->pause_reason);
    stmt_text(s, ":pipeline", row->pipeline);
    stmt_text(s, ":schedule", row->schedule);
    return stmt_run_one(s, "pausing a schedule", err);
}

static void read_schedule(struct stmt *s, struct arena *arena, void *item)
{
    *(struct schedule_row *)item = (struct schedule_row){
        .pipeline = stmt_column_text(s, 0, arena),
        .schedule = stmt_column_text(s, 1, arena),
        .cron = stmt_column_text(s, 2, arena),
        .timezone = stmt_column_text(s, 3, arena),
        .catchup = stmt_column_text(s, 4, arena),
        .window_ms = stmt_column_int(s, 5),
        .most = stmt_column_int(s, 6),
        .jitter_ms = stmt_column_int(s, 7),
        .overlap = stmt_column_text(s, 8, arena),
        .in_force = stmt_column_int(s, 9) != 0,
        .decided_ms = stmt_column_int(s, 10),
        .next_ms = stmt_column_int(s, 11),
        .missed = stmt_column_int(s, 12),
        .paused_ms = stmt_column_int(s, 13),
        .paused_by = stmt_column_text(s, 14, arena),
        .pause_reason = stmt_column_text(s, 15, arena),
    };
}

int store_schedule_list(struct store *store, const char *pipeline, bool all, struct arena *arena,
                        struct schedule_row **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s =
        pipeline != NULL ? stmt_get(store, "SELECT " COLUMNS "FROM schedules WHERE pipeline = :pipeline "
                                           "AND (in_force OR :all) ORDER BY schedule")
                         : stmt_get(store, "SELECT " COLUMNS "FROM schedules WHERE in_force OR :all "
                                           "ORDER BY pipeline, schedule");
    if (pipeline != NULL) {
        stmt_text(s, ":pipeline", pipeline);
    }
    stmt_int(s, ":all", all ? 1 : 0);
    return stmt_read_rows(s, read_schedule, sizeof **ret, arena, ret, ret_count, err);
}

static int unknown(struct store *store, const char *pipeline, const char *schedule, struct arena *arena,
                   struct err *err)
{
    struct schedule_row *rows = NULL;
    size_t count = 0;
    if (store_schedule_list(store, pipeline, true, arena, &rows, &count, err) < 0) {
        return -1;
    }
    if (count == 0) {
        return err_set(err, ERR_NOT_FOUND, "no schedule of a pipeline '%s' is known in this home", pipeline);
    }
    struct str *names = arena_array(arena, count, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = str_from(rows[i].schedule);
    }
    ptrdiff_t near = str_nearest(str_from(schedule), names, count);
    return err_set(err, ERR_NOT_FOUND, "'%s' has no schedule '%s': %s '%s'%s", pipeline, schedule,
                   near >= 0 ? "did you mean" : "it has", names[near >= 0 ? near : 0].p, near >= 0 ? "?" : "");
}

int store_schedule_get(struct store *store, const char *pipeline, const char *schedule, struct arena *arena,
                       struct schedule_row *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " COLUMNS "FROM schedules WHERE pipeline = :pipeline "
                                     "AND schedule = :schedule");
    struct schedule_row *rows = NULL;
    size_t count = 0;
    stmt_text(s, ":pipeline", pipeline);
    stmt_text(s, ":schedule", schedule);
    if (stmt_read_rows(s, read_schedule, sizeof *rows, arena, &rows, &count, err) < 0) {
        return -1;
    }
    if (count == 0) {
        return unknown(store, pipeline, schedule, arena, err);
    }
    *ret = rows[0];
    return 0;
}

/* ---- backfills -------------------------------------------------------------------------------------------------- */

#define BACKFILL_COLUMNS                                                                                               \
    "id, pipeline, schedule, from_ms, to_ms, reprocess, most, reverse, actor, state, at_ms, started, skipped, "        \
    "created_ms, ended_ms "

int store_backfill_insert(struct store *store, struct backfill_row *row, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "INSERT INTO backfills (pipeline, schedule, from_ms, to_ms, reprocess, most, reverse, actor, state, "
               "created_ms) VALUES (:pipeline, :schedule, :from, :to, :reprocess, :most, :reverse, :actor, 'open', "
               ":created)");
    stmt_text(s, ":pipeline", row->pipeline);
    stmt_text(s, ":schedule", row->schedule);
    stmt_int(s, ":from", row->from_ms);
    stmt_int(s, ":to", row->to_ms);
    stmt_text(s, ":reprocess", row->reprocess);
    stmt_int(s, ":most", row->most);
    stmt_int(s, ":reverse", row->reverse ? 1 : 0);
    stmt_text(s, ":actor", row->actor);
    stmt_int(s, ":created", row->created_ms);
    if (stmt_run_one(s, "inserting a backfill", err) < 0) {
        return -1;
    }
    row->id = stmt_last_id(store);
    return 0;
}

int store_backfill_update(struct store *store, const struct backfill_row *row, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE backfills SET state = :state, at_ms = :at, started = :started, "
                                     "skipped = :skipped, ended_ms = :ended WHERE id = :id AND state = 'open'");
    stmt_text(s, ":state", row->state);
    if (row->at_ms == INT64_MIN) {
        stmt_null(s, ":at");
    } else {
        stmt_int(s, ":at", row->at_ms);
    }
    stmt_int(s, ":started", row->started);
    stmt_int(s, ":skipped", row->skipped);
    bind_time(s, ":ended", row->ended_ms);
    stmt_int(s, ":id", row->id);
    return stmt_run_one(s, "updating a backfill", err);
}

static void read_backfill(struct stmt *s, struct arena *arena, void *item)
{
    *(struct backfill_row *)item = (struct backfill_row){
        .id = stmt_column_int(s, 0),
        .pipeline = stmt_column_text(s, 1, arena),
        .schedule = stmt_column_text(s, 2, arena),
        .from_ms = stmt_column_int(s, 3),
        .to_ms = stmt_column_int(s, 4),
        .reprocess = stmt_column_text(s, 5, arena),
        .most = stmt_column_int(s, 6),
        .reverse = stmt_column_int(s, 7) != 0,
        .actor = stmt_column_text(s, 8, arena),
        .state = stmt_column_text(s, 9, arena),
        .at_ms = stmt_column_is_null(s, 10) ? INT64_MIN : stmt_column_int(s, 10),
        .started = stmt_column_int(s, 11),
        .skipped = stmt_column_int(s, 12),
        .created_ms = stmt_column_int(s, 13),
        .ended_ms = stmt_column_int(s, 14),
    };
}

int store_backfill_open(struct store *store, struct arena *arena, struct backfill_row **ret, size_t *ret_count,
                        struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " BACKFILL_COLUMNS "FROM backfills WHERE state = 'open' ORDER BY id");
    return stmt_read_rows(s, read_backfill, sizeof **ret, arena, ret, ret_count, err);
}

int store_backfill_list(struct store *store, const struct backfill_filter *filter, struct arena *arena,
                        struct backfill_row **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " BACKFILL_COLUMNS "FROM backfills "
                                     "WHERE (:pipeline IS NULL OR pipeline = :pipeline) "
                                     "AND (:state IS NULL OR state = :state) AND (:before = 0 OR id < :before) "
                                     "ORDER BY id DESC LIMIT :limit");
    stmt_text(s, ":pipeline", filter->pipeline);
    stmt_text(s, ":state", filter->state);
    stmt_int(s, ":before", filter->before);
    stmt_int(s, ":limit", (int64_t)filter->limit);
    return stmt_read_rows(s, read_backfill, sizeof **ret, arena, ret, ret_count, err);
}

int store_backfill_get(struct store *store, int64_t id, struct arena *arena, struct backfill_row *ret, struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT " BACKFILL_COLUMNS "FROM backfills WHERE id = :id");
    struct backfill_row *rows = NULL;
    size_t count = 0;
    stmt_int(s, ":id", id);
    if (stmt_read_rows(s, read_backfill, sizeof *rows, arena, &rows, &count, err) < 0) {
        return -1;
    }
    if (count == 0) {
        return err_set(err, ERR_NOT_FOUND, "no backfill %lld", (long long)id);
    }
    *ret = rows[0];
    return 0;
}
