/* SPDX-License-Identifier: Apache-2.0
 * Triggers that were acknowledged and have no outcome yet: decided when they are due, or when what they wait for may
 * have ended.
 */
#include "trigger/trigger_internal.h"

#include <string.h>

/* One that waited for whether it is the last of its burst, and one that came after it, may be decided in one go, after
 * nobody was there to decide for a while: 1 if it still waits. */
static int still_waits(struct triggers *t, const struct trigger_row *row, struct arena *arena, struct err *err)
{
    struct trigger_row now;
    if (row->model == NULL || *row->event != '\0') {
        return 1;
    }
    return store_trigger_get(t->options.store, row->id, arena, &now, err) < 0 ? -1 : now.outcome == TRIGGER_PENDING;
}

static int decide(struct triggers *t, struct engine *engine, struct trigger_row *row, struct err *err)
{
    struct arena *arena = engine_arena(engine);
    struct json event;
    int waits = still_waits(t, row, arena, err);
    if (waits <= 0) {
        return waits;
    }
    bool looks = *row->event != '\0' &&
                 json_read(str_from(row->event), (struct json_limits){0}, arena, &event, NULL) == 0;
    return fire_row(t, engine, row, looks ? &event : NULL, false, err) < 0 ? -1 : 0;
}

static int decide_due(struct triggers *t, struct engine *engine, int64_t now_ms, int budget, struct err *err)
{
    struct trigger_row *rows = NULL;
    size_t count = 0;
    uint64_t changes = store_triggers_changes(t->options.store);
    if (changes == t->seen && (t->pending_ms == 0 || t->pending_ms > now_ms)) {
        return 0;
    }
    if (store_triggers_due(t->options.store, now_ms, (size_t)budget, engine_arena(engine), &rows, &count,
                           &t->pending_ms, err) < 0) {
        return -1;
    }
    size_t decided = 0;
    for (; decided < count && (decided == 0 || !triggers_turn_is_long(t, engine)); decided++) {
        if (decide(t, engine, &rows[decided], err) < 0) {
            return -1;
        }
    }
    t->seen = decided == count ? changes : 0; /* 0 is none of them: it looks again */
    return (int)decided;
}

/* Does one before it of the same schedule still wait? */
static bool stands_behind(const struct trigger_row *rows, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (rows[k].outcome == TRIGGER_PENDING && strcmp(rows[k].trigger_id, rows[i].trigger_id) == 0 &&
            strcmp(rows[k].pipeline, rows[i].pipeline) == 0) {
            return true;
        }
    }
    return false;
}

/* Oldest first: one that starts is an open run to those behind it. */
static int decide_held(struct triggers *t, struct engine *engine, struct err *err)
{
    struct trigger_row *rows = NULL;
    size_t count = 0;
    if (!t->look_held) {
        return 0;
    }
    if (store_triggers_held(t->options.store, NULL, NULL, engine_arena(engine), &rows, &count, err) < 0) {
        return -1;
    }
    int decided = 0;
    for (size_t i = 0; i < count; i++) {
        if (!stands_behind(rows, i) && decide(t, engine, &rows[i], err) < 0) {
            return -1;
        }
        decided += rows[i].outcome == TRIGGER_PENDING ? 0 : 1;
    }
    t->look_held = false;
    return decided;
}

int pending_decide(struct triggers *t, struct engine *engine, int64_t now_ms, int budget, struct err *err)
{
    int held = decide_held(t, engine, err);
    int due = held < 0 ? -1 : decide_due(t, engine, now_ms, budget, err);
    return due < 0 ? -1 : held + due;
}
