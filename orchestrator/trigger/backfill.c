/* SPDX-License-Identifier: Apache-2.0
 * Backfills: the occurrences of a schedule in a range of times are run, some at once, each by a trigger of its own.
 *
 * How far one has come is in its row, written in the transaction of what it started.
 */
#include "base/parse.h"
#include "trigger/trigger_internal.h"

#include <stdio.h>
#include <string.h>

/* ---- what is asked for ------------------------------------------------------------------------------------------ */

const char *const backfill_reprocess_words[] = {"none", "failed", "completed", NULL};

static bool is_reprocess_word(const char *word)
{
    size_t i = 0;
    while (backfill_reprocess_words[i] != NULL && strcmp(backfill_reprocess_words[i], word) != 0) {
        i++;
    }
    return backfill_reprocess_words[i] != NULL;
}

int backfill_check(const struct backfill_row *row, int64_t now_ms, struct err *err)
{
    return !is_reprocess_word(row->reprocess)
               ? err_set(err, ERR_INPUT, "reprocess '%.100s': expected none, failed or completed", row->reprocess)
           : row->most < 1 || row->most > BACKFILL_ACTIVE_MAX
               ? err_set(err, ERR_INPUT, "max-active %lld: expected 1 to %d", (long long)row->most, BACKFILL_ACTIVE_MAX)
           : row->to_ms <= row->from_ms
               ? err_set(err, ERR_INPUT, "the range is empty: 'to' is not after 'from'")
           : row->to_ms > now_ms
               ? err_set(err, ERR_INPUT, "'to' lies ahead: what is still to come is the schedule's")
               : 0;
}

/* ---- which occurrences ------------------------------------------------------------------------------------------ */

static int list_occurrences(struct store *store, const struct backfill_row *row, struct arena *arena, int64_t **ret,
                            size_t *ret_count, struct schedule_row *ret_schedule, struct err *err)
{
    struct timetable table;
    int64_t *items = NULL;
    size_t count = 0;
    size_t room = 0;
    if (store_schedule_get(store, row->pipeline, row->schedule, arena, ret_schedule, err) < 0 ||
        schedule_timetable(ret_schedule, arena, &table, err) < 0) {
        return -1;
    }
    for (int64_t at_ms = occurrence_next_ms(&table, row->from_ms - 1); at_ms < row->to_ms;
         at_ms = occurrence_next_ms(&table, at_ms)) {
        if (count == BACKFILL_MAX) {
            return err_set(err, ERR_INPUT, "more than %d times of '%s' are in that range: take a shorter one",
                           BACKFILL_MAX, row->schedule);
        }
        items = arena_grow(arena, items, count, &room, sizeof *items);
        items[count++] = at_ms;
    }
    for (size_t i = 0; row->reverse && i < count / 2; i++) {
        int64_t kept = items[i];
        items[i] = items[count - 1 - i];
        items[count - 1 - i] = kept;
    }
    *ret = items;
    *ret_count = count;
    return 0;
}

/* Does an occurrence run again that `state` came of? Never one that has not ended. */
static bool runs_again(const char *reprocess, const char *state)
{
    bool succeeded = strcmp(state, "succeeded") == 0;
    bool failed = strcmp(state, "failed") == 0 || strcmp(state, "cancelled") == 0;
    return (failed && strcmp(reprocess, "none") != 0) || (succeeded && strcmp(reprocess, "completed") == 0);
}

static int foresee_one(struct store *store, const struct backfill_row *row, int64_t at_ms, struct arena *arena,
                       struct backfill_step *ret, struct err *err)
{
    struct trigger_run run;
    int found = store_trigger_occurrence(store, row->pipeline, row->schedule, at_ms, arena, &run, err);
    if (found < 0) {
        return -1;
    }
    *ret = (struct backfill_step){.at_ms = at_ms, .runs = true, .reason = ""};
    if (found > 0) {
        ret->runs = runs_again(row->reprocess, run.state);
        ret->reason = arena_printf(arena, "%s %s%s", run.label,
                                   strcmp(run.state, "cancelled") == 0 || strcmp(run.state, "queued") == 0 ? "is "
                                   : strcmp(run.state, "running") == 0 || strcmp(run.state, "waiting") == 0 ? "is "
                                                                                                            : "has ",
                                   run.state);
    }
    return 0;
}

int backfill_foresee(struct store *store, const struct backfill_row *row, struct arena *arena,
                     struct backfill_step **ret, size_t *ret_count, struct err *err)
{
    struct schedule_row schedule;
    int64_t *times = NULL;
    size_t count = 0;
    if (list_occurrences(store, row, arena, &times, &count, &schedule, err) < 0) {
        return -1;
    }
    struct backfill_step *steps = arena_array(arena, count, sizeof *steps);
    for (size_t i = 0; i < count; i++) {
        if (foresee_one(store, row, times[i], arena, &steps[i], err) < 0) {
            return -1;
        }
    }
    *ret = steps;
    *ret_count = count;
    return 0;
}

/* ---- going on --------------------------------------------------------------------------------------------------- */

/* One occurrence has its outcome: a run, or the reason why there is none. */
static int decide_one(struct triggers *t, struct engine *engine, struct backfill_row *backfill,
                      const struct schedule_row *schedule, int64_t at_ms, struct err *err)
{
    struct arena *arena = engine_arena(engine);
    struct backfill_step step;
    char at[40];
    if (foresee_one(t->options.store, backfill, at_ms, arena, &step, err) < 0) {
        return -1;
    }
    format_time_s(at, sizeof at, at_ms);
    struct trigger_row row = {
        .pipeline = backfill->pipeline,
        .kind = "backfill",
        .trigger_id = backfill->schedule,
        .key = arena_printf(arena, "%lld %s", (long long)backfill->id, at),
        .scheduled_for_ms = at_ms,
        .occurrences = 1,
        .received_ms = engine_time(engine),
        .event = "",
        .event_sha256 = "",
        .params = "{}",
        .chain = "[]",
        .actor = backfill->actor,
        .reason = step.reason,
    };
    struct json event = fire_occurrence_event(schedule, "backfill", at_ms, arena);
    if (!step.runs) {
        row.outcome = TRIGGER_SKIPPED;
        row.settled_ms = row.received_ms;
        if (store_trigger_insert(t->options.store, &row, err) < 0) {
            return -1;
        }
    } else if (fire_row(t, engine, &row, &event, false, err) < 0) {
        return -1;
    }
    bool started = step.runs && row.outcome == TRIGGER_STARTED;
    backfill->started += started ? 1 : 0;
    backfill->skipped += started ? 0 : 1;
    backfill->at_ms = at_ms;
    return started ? 1 : 0;
}

static bool is_behind(const struct backfill_row *row, int64_t at_ms)
{
    return row->at_ms == INT64_MIN || (row->reverse ? at_ms < row->at_ms : at_ms > row->at_ms);
}

static const char *backfill_words(struct engine *engine, const struct backfill_row *row)
{
    return arena_printf(engine_arena(engine), "backfill %lld of %s %s", (long long)row->id, row->pipeline,
                        row->schedule);
}

static int end_one(struct triggers *t, struct engine *engine, struct backfill_row *row, const char *state,
                   const char *actor, const char *reason, struct err *err)
{
    row->state = state;
    row->ended_ms = engine_time(engine);
    return store_backfill_update(t->options.store, row, err) < 0
               ? -1
               : engine_record(engine, actor, "backfill.ended", backfill_words(engine, row), row->pipeline, "open",
                               state, reason, err);
}

/* How many occurrences were decided; `*ret_more`: there is more to do, not only to wait for. */
static int go_on(struct triggers *t, struct engine *engine, struct backfill_row *row, int budget, bool *ret_more,
                 struct err *err)
{
    struct arena *arena = engine_arena(engine);
    struct schedule_row schedule;
    struct trigger_run *open = NULL;
    int64_t *times = NULL;
    size_t open_count = 0;
    size_t count = 0;
    struct err wrong = {0};
    if (list_occurrences(t->options.store, row, arena, &times, &count, &schedule, &wrong) < 0) {
        if (store_has_failed(&wrong)) {
            *err = wrong;
            return -1;
        }
        return engine_write(engine, err) < 0 ||
                       end_one(t, engine, row, "cancelled", "sluice", wrong.message, err) < 0
                   ? -1
                   : 1;
    }
    if (store_trigger_open_runs(t->options.store, row->pipeline, row->schedule, row->id, arena, &open, &open_count,
                                err) < 0) {
        return -1;
    }
    int decided = 0;
    int64_t running = (int64_t)open_count;
    size_t i = 0;
    for (; i < count && decided < budget && running < row->most; i++) {
        if (!is_behind(row, times[i])) {
            continue;
        }
        int started = engine_write(engine, err) < 0 ? -1 : decide_one(t, engine, row, &schedule, times[i], err);
        if (started < 0) {
            return -1;
        }
        running += started;
        decided++;
    }
    while (i < count && !is_behind(row, times[i])) {
        i++;
    }
    *ret_more = *ret_more || (i < count && running < row->most);
    if (i == count) { /* all have their outcome; their runs go on */
        return engine_write(engine, err) < 0 || end_one(t, engine, row, "done", "sluice", "", err) < 0 ? -1
                                                                                                      : decided + 1;
    }
    return decided == 0 ? 0 : store_backfill_update(t->options.store, row, err) < 0 ? -1 : decided;
}

int backfills_go_on(struct triggers *t, struct engine *engine, int64_t now_ms, int budget, struct err *err)
{
    struct backfill_row *rows = NULL;
    size_t count = 0;
    (void)now_ms;
    if (!t->look_backfills) {
        return 0;
    }
    if (store_backfill_open(t->options.store, engine_arena(engine), &rows, &count, err) < 0) {
        return -1;
    }
    int decided = 0;
    bool more = false;
    for (size_t i = 0; i < count; i++) {
        int some = go_on(t, engine, &rows[i], budget - decided, &more, err);
        if (some < 0) {
            return -1;
        }
        decided += some;
        engine_crash_point(engine, "in_backfill");
    }
    t->look_backfills = more;
    return decided;
}

/* ---- commands --------------------------------------------------------------------------------------------------- */

struct backfilling {
    struct triggers *t;
    struct backfill_row *row;
    const char *actor;
    int64_t id;
};

static int begin_in_turn(void *ctx, struct engine *engine, struct err *err)
{
    struct backfilling *b = ctx;
    struct pipeline_in_force in_force;
    struct schedule_row schedule;
    int64_t *times = NULL;
    size_t count = 0;
    struct arena *arena = engine_arena(engine);
    struct store *store = b->t->options.store;
    if (backfill_check(b->row, engine_time(engine), err) < 0 ||
        store_in_force_get(store, b->row->pipeline, arena, &in_force, err) < 0 ||
        list_occurrences(store, b->row, arena, &times, &count, &schedule, err) < 0) {
        return -1;
    }
    b->row->state = "open";
    b->row->at_ms = INT64_MIN;
    b->row->created_ms = engine_time(engine);
    b->t->look_backfills = true;
    return store_backfill_insert(store, b->row, err) < 0
               ? -1
               : engine_record(engine, b->row->actor, "backfill.started", backfill_words(engine, b->row),
                               b->row->pipeline, "", "open", arena_printf(arena, "%zu times", count), err);
}

int triggers_backfill(struct triggers *triggers, struct engine *engine, struct backfill_row *row, struct err *err)
{
    struct backfilling b = {.t = triggers, .row = row};
    return engine_command(engine, begin_in_turn, &b, err);
}

static int cancel_in_turn(void *ctx, struct engine *engine, struct err *err)
{
    struct backfilling *b = ctx;
    struct backfill_row row;
    if (store_backfill_get(b->t->options.store, b->id, engine_arena(engine), &row, err) < 0) {
        return -1;
    }
    if (row.ended_ms != 0) {
        return err_set(err, ERR_STATE, "backfill %lld is %s already", (long long)b->id, row.state);
    }
    return end_one(b->t, engine, &row, "cancelled", b->actor, "", err);
}

int triggers_cancel_backfill(struct triggers *triggers, struct engine *engine, int64_t id, const char *actor,
                             struct err *err)
{
    struct backfilling b = {.t = triggers, .actor = actor, .id = id};
    return engine_command(engine, cancel_in_turn, &b, err);
}
