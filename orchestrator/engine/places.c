/* SPDX-License-Identifier: Apache-2.0
 * Places of groups (`concurrency:`): runs wait for one in the queue, and get one before anything of them starts.
 *
 * A place is no row of its own: who runs holds one, so the rows of runs say who has them, after any crash. A run that
 * is a step gets its place together with those that the runs above it lack, so that nobody holds one group while it
 * waits for another.
 */
#include "base/mem.h"
#include "engine/replay_run.h"
#include "run/concurrency.h"
#include "store/counters.h"

#include <stdlib.h>

enum { GROUP_MAX_BYTES = 200 };

/* ---- which group ------------------------------------------------------------------------------------------------ */

/* A run within another of the same group is a part of what holds the place. */
static bool is_above_in_group(struct engine *engine, const struct open_run *open, const char *group)
{
    const struct open_run *at = open;
    while (at != NULL && at->row.parent_run != NULL) {
        at = open_run_find(engine, at->row.parent_run);
        if (at != NULL && at->row.concurrency_group != NULL && strcmp(at->row.concurrency_group, group) == 0) {
            return true;
        }
    }
    return false;
}

int places_group(struct engine *engine, struct open_run *open, struct err *err)
{
    const struct concurrency *concurrency = &open->pipeline->concurrency;
    struct arena *arena = open->run->arena;
    struct run_context context = {.run = open->run, .step = SIZE_MAX, .arena = arena};
    struct expr_env env = run_context_env(&context);
    struct json value = json_string(arena, open->pipeline->name);
    if (!concurrency->present || replay_of(open) != NULL) {
        return 0;
    }
    if (concurrency->has_group && template_eval(&concurrency->group, &env, arena, &value, err) < 0) {
        return err_add(err, "concurrency, group");
    }
    const char *group = value.type == JSON_STRING ? value.u.string.p : json_text(arena, &value).p;
    if (value.type == JSON_NULL || *group == '\0' || strlen(group) > GROUP_MAX_BYTES) {
        return err_set(err, ERR_INPUT, "concurrency: the group is %s: expected 1 to %d bytes",
                       value.type == JSON_NULL || *group == '\0' ? "empty" : "too long", GROUP_MAX_BYTES);
    }
    open->row.concurrency_group = is_above_in_group(engine, open, group) ? NULL : group;
    open->run->grouped = open->row.concurrency_group != NULL;
    return 0;
}

/* ---- who is in it --------------------------------------------------------------------------------------------- */

struct members {
    struct {
        VEC_OF(struct member)
    } rows;
    struct {
        VEC_OF(struct open_run *)
    } runs;
};

static struct member member_of(const struct open_run *open)
{
    return (struct member){
        .state = open->run->state,
        .begun = open->run->begun,
        .cancelling = open->run->cancelling,
        .priority = open->row.priority,
        .created_ms = open->row.created_ms,
        .number = open->row.number,
    };
}

static void members_of(struct engine *engine, const char *group, struct members *ret)
{
    *ret = (struct members){0};
    for (size_t i = 0; i < engine->runs.count; i++) {
        struct open_run *open = engine->runs.items[i];
        bool in_group = open->row.concurrency_group != NULL && strcmp(open->row.concurrency_group, group) == 0;
        if (in_group && !run_state_is_terminal(open->run->state)) {
            struct member member = member_of(open);
            vec_push(&ret->rows, member);
            vec_push(&ret->runs, open);
        }
    }
}

static void members_clear(struct members *members)
{
    vec_clear(&members->rows);
    vec_clear(&members->runs);
}

static const char *label_of(struct engine *engine, const struct open_run *open)
{
    char label[32];
    pipeline_run_label(&open->row, label);
    return arena_printf(engine->turn, "%s/%s", open->row.pipeline, label);
}

/* ---- a new one comes ------------------------------------------------------------------------------------------ */

static const char *holders_words(struct engine *engine, const struct members *members)
{
    const char *words = "";
    for (size_t i = 0; i < members->rows.count; i++) {
        if (members->rows.items[i].state == RUN_STATE_RUNNING) {
            words = arena_printf(engine->turn, "%s%s%s", words, *words == '\0' ? "" : ", ",
                                 label_of(engine, members->runs.items[i]));
        }
    }
    return words;
}

static int meet_fate(struct engine *engine, struct open_run *open, enum fate fate, const struct open_run *newcomer,
                     const char *holders, struct err *err)
{
    const char *group = newcomer->row.concurrency_group;
    const char *who = label_of(engine, newcomer);
    const char *reason =
        fate == FATE_SKIPPED
            ? arena_printf(engine->turn, "skipped: group '%s' has no place free%s%s (concurrency: skip)", group,
                           *holders == '\0' ? "" : ", held by ", holders)
        : fate == FATE_SUPERSEDED
            ? arena_printf(engine->turn, "superseded by %s in group '%s' before it began", who, group)
            : arena_printf(engine->turn, "cancelled for %s in group '%s' (concurrency: cancel_running)", who, group);
    struct run_event event = {.kind = RUN_EVENT_CANCEL, .now_ms = engine_now(engine), .reason = reason};
    return open_run_apply(engine, open, &event, err);
}

int places_arrival(struct engine *engine, struct open_run *open, struct err *err)
{
    const struct concurrency *concurrency = &open->pipeline->concurrency;
    struct members members;
    size_t newcomer = 0;
    engine->queue_grew = true;
    members_of(engine, open->row.concurrency_group, &members);
    while (members.runs.items[newcomer] != open) {
        newcomer++;
    }
    group_arrival(members.rows.items, members.rows.count, newcomer, concurrency->policy, concurrency->limit);
    const char *holders = holders_words(engine, &members);
    int result = 0;
    for (size_t i = 0; i < members.rows.count && result == 0; i++) {
        if (members.rows.items[i].fate != FATE_STAYS) {
            result = meet_fate(engine, members.runs.items[i], members.rows.items[i].fate, open, holders, err);
        }
    }
    members_clear(&members);
    return result;
}

/* ---- places are given ------------------------------------------------------------------------------------------- */

static struct open_run *parent_of(struct engine *engine, const struct open_run *open)
{
    return open->row.parent_run == NULL ? NULL : open_run_find(engine, open->row.parent_run);
}

static bool has_room(struct engine *engine, const struct open_run *open)
{
    struct members members;
    if (open->row.concurrency_group == NULL || open->run->state == RUN_STATE_RUNNING) {
        return true;
    }
    members_of(engine, open->row.concurrency_group, &members);
    bool room = group_held(members.rows.items, members.rows.count) < open->pipeline->concurrency.limit;
    members_clear(&members);
    return room;
}

static bool can_go_on(struct engine *engine, const struct open_run *open)
{
    bool room = true;
    for (const struct open_run *at = open; at != NULL && room; at = parent_of(engine, at)) {
        room = has_room(engine, at);
    }
    return room;
}

static struct open_run *next_in_queue(struct engine *engine)
{
    struct open_run *next = NULL;
    for (size_t i = 0; i < engine->runs.count; i++) {
        struct open_run *open = engine->runs.items[i];
        if (open->run->state != RUN_STATE_QUEUED || !can_go_on(engine, open)) {
            continue;
        }
        struct member own = member_of(open);
        struct member best = next == NULL ? own : member_of(next);
        int order = next == NULL ? -1 : group_order(&own, &best);
        if (order < 0 || (order == 0 && strcmp(open->row.run_id, next->row.run_id) < 0)) {
            next = open;
        }
    }
    return next;
}

int places_begin(struct engine *engine, struct open_run *open, struct err *err)
{
    int64_t now_ms = engine_now(engine);
    struct run_event begin = {.kind = RUN_EVENT_BEGIN, .now_ms = now_ms};
    bool first = open->row.started_ms == 0;
    if (first) {
        open->row.started_ms = now_ms; /* not when the turn is written: its first steps start before that */
    }
    double waited = (double)(now_ms - open->row.created_ms) / 1000;
    int result = open_run_apply(engine, open, &begin, err);
    if (result == 0 && first && open->row.concurrency_group != NULL) {
        result = store_observe(engine->options.store, COUNTER_QUEUE, waited, err);
    }
    struct open_run *parent = parent_of(engine, open);
    if (result < 0 || parent == NULL) {
        return result;
    }
    struct run_place place = {(size_t)open->row.parent_step, (size_t)open->row.parent_item};
    struct run_event over = {.kind = RUN_EVENT_WAIT_OVER, .place = place, .now_ms = now_ms, .exit_code = -1};
    if (run_item_at(parent->run, place)->state == STEP_STATE_WAITING &&
        open_run_apply(engine, parent, &over, err) < 0) {
        return -1;
    }
    return parent->run->state == RUN_STATE_QUEUED ? places_begin(engine, parent, err) : 0;
}

/* Why it waits, and that the run above it waits with it and holds no place meanwhile. */
static int tell_queued(struct engine *engine, struct open_run *open, struct err *err)
{
    struct members members;
    const struct open_run *at = open;
    while (at != NULL && has_room(engine, at)) {
        at = parent_of(engine, at);
    }
    if (at == NULL) {
        return 0;
    }
    members_of(engine, at->row.concurrency_group, &members);
    const char *words =
        arena_printf(engine->turn, "waits for a place in group '%s': %lld of %lld held by %s",
                     at->row.concurrency_group, (long long)group_held(members.rows.items, members.rows.count),
                     (long long)at->pipeline->concurrency.limit, holders_words(engine, &members));
    members_clear(&members);
    if (open->run->reason == NULL || strcmp(open->run->reason, words) != 0) {
        open->run->reason = arena_strdup(open->run->arena, words);
        open->changes.run = true;
    }
    struct open_run *parent = parent_of(engine, open);
    struct run_place place = {(size_t)open->row.parent_step, (size_t)open->row.parent_item};
    if (parent == NULL || run_item_at(parent->run, place)->state != STEP_STATE_ACTIVE) {
        return 0;
    }
    struct run_event event = {.kind = RUN_EVENT_WAITING,
                              .place = place,
                              .now_ms = engine_now(engine),
                              .exit_code = -1,
                              .reason = arena_printf(engine->turn, "%s %s", label_of(engine, open), words)};
    return open_run_apply(engine, parent, &event, err);
}

int places_give(struct engine *engine, struct err *err)
{
    struct open_run *open = NULL;
    engine->queue_grew = false;
    if (engine->options.starts_nothing) {
        return 0;
    }
    while ((open = next_in_queue(engine)) != NULL) {
        if (places_begin(engine, open, err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < engine->runs.count; i++) {
        if (engine->runs.items[i]->run->state == RUN_STATE_QUEUED &&
            tell_queued(engine, engine->runs.items[i], err) < 0) {
            return -1;
        }
    }
    return 0;
}

bool places_may_begin(struct engine *engine)
{
    return engine->queue_grew || (!engine->options.starts_nothing && next_in_queue(engine) != NULL);
}

bool places_let(struct engine *engine, const struct open_run *open)
{
    for (const struct open_run *at = open; at != NULL; at = parent_of(engine, at)) {
        if (at->run->state == RUN_STATE_QUEUED) {
            return false;
        }
    }
    return true;
}
