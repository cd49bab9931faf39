/* SPDX-License-Identifier: Apache-2.0
 * Definitions of what is due soon are read before it is: hundreds that are due in one minute would be read in it, one
 * after the other, while the last of them waits.
 */
#include "base/log.h"
#include "base/parse.h"
#include "trigger/trigger_internal.h"

enum {
    AHEAD_MS = 10000,
    AHEAD_BYTES = DEFINITION_CACHE_BYTES / 2 /* what is read must not be forgotten for what is read next */
};

/* Is something due in the next seconds of which not all is read? */
static bool has_more(const struct triggers *t, const struct schedule *top, int64_t now_ms)
{
    return top != NULL && top->start_ms != t->ahead_ms && top->start_ms > now_ms &&
           top->start_ms - AHEAD_MS <= now_ms;
}

int64_t read_ahead_wait_ms(const struct triggers *t, int64_t now_ms)
{
    const struct schedule *top = schedule_heap_top(&t->heap);
    bool wants = top != NULL && top->start_ms != INT64_MAX && top->start_ms != t->ahead_ms && top->start_ms > now_ms;
    int64_t left = wants ? top->start_ms - AHEAD_MS - now_ms : INT64_MAX;
    return left < 0 ? 0 : left;
}

/* What is wrong with the definition is said when it is due; -1 when the store fails. */
static int read_one(struct triggers *t, struct engine *engine, struct schedule *schedule, struct err *err)
{
    struct pipeline_in_force row;
    const char *reason = NULL;
    struct definition *definition = fire_definition(t, schedule->pipeline, engine_arena(engine), &row, &reason, err);
    if (definition == NULL && reason == NULL) {
        return -1;
    }
    t->ahead_bytes += definition == NULL ? 0 : arena_used_bytes(definition->arena);
    t->ahead_count++;
    schedule->ahead_ms = schedule->start_ms;
    definition_release(definition);
    return 0;
}

/* Of those at `at` and below it in the heap that are due with the top: 1; 0: the turn is over first. */
static int read_below(struct triggers *t, struct engine *engine, size_t at, int64_t start_ms, struct err *err)
{
    if (at >= t->heap.count || t->heap.items[at]->start_ms > start_ms || t->ahead_bytes > AHEAD_BYTES) {
        return 1;
    }
    struct schedule *schedule = t->heap.items[at];
    if (schedule->ahead_ms != start_ms) {
        if (triggers_turn_is_long(t, engine)) {
            return 0;
        }
        if (read_one(t, engine, schedule, err) < 0) {
            return -1;
        }
    }
    int left = read_below(t, engine, 2 * at + 1, start_ms, err);
    return left != 1 ? left : read_below(t, engine, 2 * at + 2, start_ms, err);
}

int read_ahead(struct triggers *t, struct engine *engine, int64_t now_ms, struct err *err)
{
    const struct schedule *top = schedule_heap_top(&t->heap);
    bool reads = !t->stale && t->loading.count == 0 && has_more(t, top, now_ms);
    int whole = !reads ? 0 : read_below(t, engine, 0, top->start_ms, err);
    if (whole <= 0) {
        return whole;
    }
    char at[40];
    format_time_s(at, sizeof at, top->start_ms);
    log_debug("triggers", "what is due at %s is read: %zu schedules", at, t->ahead_count);
    t->ahead_ms = top->start_ms;
    t->ahead_bytes = t->ahead_count = 0;
    return 0;
}
