/* SPDX-License-Identifier: Apache-2.0
 * Schedules: in memory by when they are due, their occurrences decided and started, paused and resumed.
 */
#include "base/log.h"
#include "base/parse.h"
#include "store/counters.h"
#include "trigger/trigger_internal.h"

#include <stdio.h>
#include <string.h>

enum { LOAD_MS = 4 }; /* in one turn: others have theirs between */

/* ---- from rows to memory ---------------------------------------------------------------------------------------- */

static size_t word_at(const char *word, const char *const *words)
{
    size_t i = 0;
    while (words[i] != NULL && strcmp(words[i], word) != 0) {
        i++;
    }
    return words[i] == NULL ? 0 : i;
}

static int timetable_of(const struct schedule_row *row, const struct tzif *zone, struct timetable *ret,
                        struct err *err)
{
    *ret = (struct timetable){
        .zone = zone,
        .catchup = (enum catchup)word_at(row->catchup, catchup_names),
        .window_ms = row->window_ms,
        .most = row->most,
        .jitter_ms = row->jitter_ms,
        .seed = timetable_seed(row->pipeline, row->schedule),
    };
    return cron_expr_parse(str_from(row->cron), &ret->cron, err);
}

int schedule_timetable(const struct schedule_row *row, struct arena *arena, struct timetable *ret, struct err *err)
{
    const struct tzif *zone = NULL;
    return tzif_load(str_from(row->timezone), arena, &zone, err) < 0 ? -1 : timetable_of(row, zone, ret, err);
}

static void find_next(struct schedule *schedule)
{
    schedule->next_ms = occurrence_next_ms(&schedule->table, schedule->decided_ms);
    schedule->start_ms = occurrence_start_ms(&schedule->table, schedule->next_ms);
}

static void add_schedule(struct triggers *t, const struct schedule_row *row, size_t rank, int64_t now_ms)
{
    struct schedule *schedule = arena_one(t->arena, struct schedule);
    const struct tzif *zone = NULL;
    struct err wrong = {0};
    *schedule = (struct schedule){
        .pipeline = row->pipeline,
        .id = row->schedule,
        .cron = row->cron,
        .timezone = row->timezone,
        .overlap = (enum overlap)word_at(row->overlap, overlap_names),
        .decided_ms = row->decided_ms > now_ms ? now_ms : row->decided_ms, /* the clock was set back meanwhile */
        .rank = rank,
    };
    if (triggers_zone(t, row->timezone, &zone, &wrong) < 0 || timetable_of(row, zone, &schedule->table, &wrong) < 0) {
        log_error("triggers", "schedule '%s' of %s starts nothing: %s", row->schedule, row->pipeline, wrong.message);
        return;
    }
    find_next(schedule);
    schedule_heap_add(&t->heap, schedule);
}

static int begin_loading(struct triggers *t, struct err *err)
{
    arena_reset(t->arena);
    t->heap.count = 0;
    t->loading.next = t->loading.schedules = 0;
    if (store_in_force_names(t->options.store, t->arena, &t->loading.pipelines, &t->loading.count, err) < 0) {
        return -1;
    }
    t->stale = false;
    return 0;
}

static int load_pipeline(struct triggers *t, const char *pipeline, int64_t now_ms, struct err *err)
{
    struct schedule_row *rows = NULL;
    size_t count = 0;
    if (store_schedule_list(t->options.store, pipeline, false, t->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        size_t rank = t->loading.schedules++;
        if (rows[i].paused_ms == 0) {
            add_schedule(t, &rows[i], rank, now_ms);
        }
    }
    return 0;
}

int schedules_load(struct triggers *t, struct engine *engine, int64_t now_ms, struct err *err)
{
    int64_t begun_ms = engine_monotonic_ms(engine);
    if (t->stale && begin_loading(t, err) < 0) {
        return -1;
    }
    while (t->loading.next < t->loading.count) {
        if (load_pipeline(t, t->loading.pipelines[t->loading.next++], now_ms, err) < 0) {
            return -1;
        }
        if (engine_monotonic_ms(engine) - begun_ms >= LOAD_MS) {
            break;
        }
    }
    if (t->loading.next < t->loading.count) {
        return 0;
    }
    t->loading.pipelines = NULL;
    t->loading.count = t->loading.next = 0;
    t->look_held = t->look_backfills = true;
    t->seen = 0;
    t->ahead_ms = 0;
    t->ahead_bytes = t->ahead_count = 0;
    return 0;
}

void schedules_set_back(struct triggers *t, int64_t since_ms)
{
    size_t count = t->heap.count;
    t->heap.count = 0;
    for (size_t i = 0; i < count; i++) {
        struct schedule *schedule = t->heap.items[i];
        if (schedule->decided_ms > since_ms) {
            schedule->decided_ms = since_ms;
            find_next(schedule);
        }
        schedule_heap_add(&t->heap, schedule); /* writes at or before i */
    }
}

/* ---- what is due ------------------------------------------------------------------------------------------------ */

static struct schedule_row row_of(const struct schedule *schedule)
{
    return (struct schedule_row){
        .pipeline = schedule->pipeline,
        .schedule = schedule->id,
        .cron = schedule->cron,
        .timezone = schedule->timezone,
        .decided_ms = schedule->decided_ms,
        .next_ms = schedule->next_ms == INT64_MAX ? 0 : schedule->next_ms,
    };
}

/* One row for all that was missed: a machine that was off for a year has missed half a million minutes. */
static int note_passed(struct triggers *t, struct engine *engine, const struct schedule_row *schedule,
                       const struct occurrences *found, enum trigger_outcome outcome, const char *words,
                       struct err *err)
{
    struct arena *arena = engine_arena(engine);
    char from[40], to[40];
    format_time_s(from, sizeof from, found->missed_from_ms);
    format_time_s(to, sizeof to, found->missed_to_ms);
    bool several = found->missed > 1;
    const char *reason = several ? arena_printf(arena, "%lld times from %s to %s %s", (long long)found->missed, from,
                                                to, words)
                                 : arena_printf(arena, "%s", words);
    struct trigger_row row = {
        .pipeline = schedule->pipeline,
        .kind = "schedule",
        .trigger_id = schedule->schedule,
        .key = arena_printf(arena, "%s/%s", from, to), /* not that of a time which may come again */
        .scheduled_for_ms = found->missed_from_ms,
        .until_ms = several ? found->missed_to_ms : 0,
        .occurrences = found->missed,
        .received_ms = engine_time(engine),
        .event = "",
        .event_sha256 = "",
        .params = "{}",
        .chain = "[]",
        .actor = "sluice",
        .outcome = outcome,
        .reason = reason,
        .settled_ms = engine_time(engine),
    };
    int inserted = store_trigger_insert(t->options.store, &row, err);
    const char *counted = outcome == TRIGGER_EXPIRED ? "late" : "paused";
    if (inserted < 0 ||
        (inserted > 0 && store_count(t->options.store, COUNTER_MISSED, counted, found->missed, err) < 0) ||
        (inserted > 0 && outcome == TRIGGER_EXPIRED &&
                         engine_record(engine, "sluice", "schedule.missed",
                                       arena_printf(arena, "schedule %s %s", schedule->pipeline, schedule->schedule),
                                       schedule->pipeline, "", "", reason, err) < 0)) {
        return -1;
    }
    if (inserted > 0 && outcome == TRIGGER_EXPIRED) {
        log_warn("triggers", "schedule '%s' of %s: %s", schedule->schedule, schedule->pipeline, reason);
    }
    return 0;
}

static int start_one(struct triggers *t, struct engine *engine, const struct schedule *schedule, int64_t at_ms,
                     struct err *err)
{
    struct arena *arena = engine_arena(engine);
    char key[40];
    format_time_s(key, sizeof key, at_ms);
    struct schedule_row about = row_of(schedule);
    struct trigger_row row = {
        .pipeline = schedule->pipeline,
        .kind = "schedule",
        .trigger_id = schedule->id,
        .key = arena_strdup(arena, key),
        .scheduled_for_ms = at_ms,
        .occurrences = 1,
        .received_ms = engine_time(engine),
        .event = "",
        .event_sha256 = "",
        .params = "{}",
        .chain = "[]",
        .actor = "sluice",
        .reason = "",
    };
    struct json event = fire_occurrence_event(&about, "schedule", at_ms, arena);
    int fired = fire_row(t, engine, &row, &event, false, err);
    int64_t late_ms = engine_time(engine) - occurrence_start_ms(&schedule->table, at_ms);
    bool started = fired == 1 && row.outcome == TRIGGER_STARTED;
    return started && store_observe(t->options.store, COUNTER_DELAY, (double)late_ms / 1000, err) < 0 ? -1 : fired;
}

/* Decides about a schedule that is due, up to `budget` occurrences of it. */
static int decide(struct triggers *t, struct engine *engine, struct schedule *schedule, int64_t now_ms, int budget,
                  struct err *err)
{
    struct occurrences found;
    struct arena *arena = engine_arena(engine);
    occurrences_decide(&schedule->table, schedule->decided_ms, now_ms, arena, &found);
    struct schedule_row row = row_of(schedule);
    const char *words = arena_printf(arena, "missed: %s", found.why);
    if (found.missed > 0 && note_passed(t, engine, &row, &found, TRIGGER_EXPIRED, words, err) < 0) {
        return -1;
    }
    size_t started = 0;
    for (; started < found.start_count && started < (size_t)budget; started++) {
        if (start_one(t, engine, schedule, found.starts[started], err) < 0) {
            return -1;
        }
    }
    if (started < found.start_count) { /* the rest comes in the next turn, missed no more than before */
        found.decided_ms = started > 0 ? found.starts[started - 1] : found.missed > 0 ? found.missed_to_ms
                                                                                      : schedule->decided_ms;
    }
    schedule->decided_ms = found.decided_ms;
    find_next(schedule);
    row = row_of(schedule);
    if (store_schedule_decided(t->options.store, &row, found.missed, err) < 0) {
        return -1;
    }
    engine_crash_point(engine, "in_schedule");
    return (int)started + (found.missed > 0 ? 1 : 0);
}

int schedules_start(struct triggers *t, struct engine *engine, int64_t now_ms, int budget, struct err *err)
{
    int decided = 0;
    for (struct schedule *top = schedule_heap_top(&t->heap);
         top != NULL && top->start_ms <= now_ms && decided < budget &&
         (decided == 0 || !triggers_turn_is_long(t, engine));
         top = schedule_heap_top(&t->heap)) {
        int count = in_force_settle(t, engine, top->pipeline, err) < 0
                        ? -1
                        : decide(t, engine, top, now_ms, budget - decided, err);
        if (count < 0) {
            return -1;
        }
        decided += count;
        schedule_heap_settle(&t->heap);
    }
    return decided;
}

/* ---- commands --------------------------------------------------------------------------------------------------- */

struct pausing {
    struct triggers *t;
    const char *pipeline, *schedule, *actor, *reason;
};

static const char *schedule_words(const struct pausing *p, struct engine *engine)
{
    return arena_printf(engine_arena(engine), "schedule %s %s", p->pipeline, p->schedule);
}

static int pause_in_turn(void *ctx, struct engine *engine, struct err *err)
{
    struct pausing *p = ctx;
    struct schedule_row row;
    struct store *store = p->t->options.store;
    if (in_force_settle(p->t, engine, p->pipeline, err) < 0 ||
        store_schedule_get(store, p->pipeline, p->schedule, engine_arena(engine), &row, err) < 0) {
        return -1;
    }
    if (row.paused_ms != 0) {
        char at[40];
        format_time_s(at, sizeof at, row.paused_ms);
        return err_set(err, ERR_STATE, "schedule '%s' of %s is paused already, by %s at %s", p->schedule, p->pipeline,
                       row.paused_by, at);
    }
    row.paused_ms = engine_time(engine);
    row.paused_by = p->actor;
    row.pause_reason = p->reason == NULL ? "" : p->reason;
    triggers_forget(p->t);
    return store_schedule_pause(store, &row, err) < 0
               ? -1
               : engine_record(engine, p->actor, "schedule.paused", schedule_words(p, engine), p->pipeline, "active",
                               "paused", p->reason, err);
}

int triggers_pause(struct triggers *triggers, struct engine *engine, const char *pipeline, const char *schedule,
                   const char *actor, const char *reason, struct err *err)
{
    struct pausing p = {triggers, pipeline, schedule, actor, reason};
    return engine_command(engine, pause_in_turn, &p, err);
}

enum { PASSED_COUNTED = 100000 };

/* What came while it was paused is skipped, in one row. */
static int skip_passed(struct triggers *t, struct engine *engine, struct schedule_row *row, struct err *err)
{
    struct arena *arena = engine_arena(engine);
    struct timetable table;
    struct occurrences passed = {0};
    int64_t now_ms = engine_time(engine);
    int64_t last_ms = row->decided_ms > now_ms ? now_ms : row->decided_ms;
    if (schedule_timetable(row, arena, &table, err) < 0) {
        return -1;
    }
    int64_t next_ms = occurrence_next_ms(&table, last_ms);
    while (next_ms <= now_ms && passed.missed < PASSED_COUNTED) {
        passed.missed_from_ms = passed.missed == 0 ? next_ms : passed.missed_from_ms;
        passed.missed_to_ms = next_ms;
        passed.missed++;
        next_ms = occurrence_next_ms(&table, next_ms);
    }
    row->decided_ms = now_ms;
    row->next_ms = occurrence_next_ms(&table, now_ms);
    row->next_ms = row->next_ms == INT64_MAX ? 0 : row->next_ms;
    const char *words = arena_printf(arena, "%sskipped: paused by %s%s%s",
                                     passed.missed == PASSED_COUNTED ? "(and more) " : "", row->paused_by,
                                     *row->pause_reason == '\0' ? "" : ": ", row->pause_reason);
    return (passed.missed > 0 && note_passed(t, engine, row, &passed, TRIGGER_SKIPPED, words, err) < 0) ||
                   store_schedule_decided(t->options.store, row, 0, err) < 0
               ? -1
               : 0;
}

static int resume_in_turn(void *ctx, struct engine *engine, struct err *err)
{
    struct pausing *p = ctx;
    struct schedule_row row;
    struct store *store = p->t->options.store;
    if (in_force_settle(p->t, engine, p->pipeline, err) < 0 ||
        store_schedule_get(store, p->pipeline, p->schedule, engine_arena(engine), &row, err) < 0) {
        return -1;
    }
    if (row.paused_ms == 0) {
        return err_set(err, ERR_STATE, "schedule '%s' of %s is not paused", p->schedule, p->pipeline);
    }
    if (row.in_force && skip_passed(p->t, engine, &row, err) < 0) {
        return -1;
    }
    row.paused_ms = 0;
    row.paused_by = row.pause_reason = "";
    triggers_forget(p->t);
    return store_schedule_pause(store, &row, err) < 0
               ? -1
               : engine_record(engine, p->actor, "schedule.resumed", schedule_words(p, engine), p->pipeline, "paused",
                               "active", "", err);
}

int triggers_resume(struct triggers *triggers, struct engine *engine, const char *pipeline, const char *schedule,
                    const char *actor, struct err *err)
{
    struct pausing p = {triggers, pipeline, schedule, actor, NULL};
    return engine_command(engine, resume_in_turn, &p, err);
}
