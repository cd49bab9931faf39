/* SPDX-License-Identifier: Apache-2.0
 * What happens when somebody sets the wall clock.
 *
 * Deadlines are kept as times of the wall clock, since they must outlive the machine. But a delay before a retry, the
 * timeout of a run and the time that a person has are durations: when the clock is seen to jump beside the monotonic
 * one they move with it. Only a wait for a time of day is left to the clock on the wall.
 *
 * Between two looks the engine's own time goes on as if nobody had set the clock. So whatever it computes is of the
 * time before a jump until wall_clock_follow moves all of it, and never of both.
 */
#include "base/log.h"
#include "engine/engine_internal.h"
#include "engine/waits.h"
#include "store/deliveries.h"
#include "store/run_writes.h"

enum { JUMP_MS = 2000 }; /* less is the slewing of a time server */

int64_t engine_now(const struct engine *engine)
{
    return clock_monotonic_ms(engine->options.clock) + engine->wall_ahead_ms;
}

static void move_run(struct open_run *open, int64_t by_ms)
{
    open->deadline_ms += open->deadline_ms == 0 ? 0 : by_ms;
    open->read_until_ms += open->read_until_ms == 0 ? 0 : by_ms;
    if (open->row.running_since_ms != 0) {
        open->row.running_since_ms += by_ms;
        open->row_dirty = true;
    }
    for (size_t i = 0; i < open->pipeline->step_count; i++) {
        const struct run_step *step = &open->run->steps[i];
        for (size_t k = 0; step->items_live > 0 && k < step->item_count; k++) {
            if (step->items[k].state == STEP_STATE_DELAYED) {
                step->items[k].due_ms += by_ms;
                vec_push(&open->changes.items, ((struct run_place){i, k}));
            }
        }
    }
}

static int64_t ahead_of(const struct engine *engine)
{
    return clock_wall_ms(engine->options.clock) - clock_monotonic_ms(engine->options.clock);
}

static bool is_jump(int64_t by_ms)
{
    return by_ms <= -JUMP_MS || by_ms >= JUMP_MS;
}

void wall_clock_look(struct engine *engine)
{
    engine->wall_ahead_ms = ahead_of(engine);
}

void wall_clock_waited(struct engine *engine, int64_t waited_ms)
{
    int64_t ahead_ms = ahead_of(engine);
    if (!is_jump(ahead_ms - engine->wall_ahead_ms)) {
        engine->wall_ahead_ms = clock_ahead_ms(engine->wall_ahead_ms, ahead_ms, waited_ms);
    }
}

int wall_clock_follow(struct engine *engine, struct err *err)
{
    int64_t ahead_ms = ahead_of(engine);
    int64_t by_ms = ahead_ms - engine->wall_ahead_ms;
    if (!is_jump(by_ms)) {
        engine->wall_ahead_ms = clock_ahead_ms(engine->wall_ahead_ms, ahead_ms, 0);
        return 0;
    }
    if (turn_begin(engine, err) < 0 || waits_move(engine, by_ms, err) < 0 ||
        store_deliveries_move(engine->options.store, by_ms, err) < 0 ||
        store_run_writes_move(engine->options.store, by_ms, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < engine->runs.count; i++) {
        move_run(engine->runs.items[i], by_ms);
    }
    for (size_t i = 0; i < engine->wakes.count; i++) {
        engine->wakes.items[i].at_ms += by_ms;
    }
    engine->reaper.next_ms += engine->reaper.next_ms == 0 ? 0 : by_ms;
    log_warn("engine", "the clock of this machine was set %s by %lld s: what waits for a time of day follows it, "
                       "delays and timeouts do not",
             by_ms > 0 ? "forward" : "back", (long long)(by_ms > 0 ? by_ms : -by_ms) / 1000);
    engine->wall_ahead_ms = ahead_ms;
    return 0;
}

int64_t wall_clock_of_frame(const struct engine *engine, const struct open_run *open, int64_t time_ms)
{
    int64_t now_ms = engine_now(engine);
    int64_t at_ms = time_ms < open->read_until_ms ? open->read_until_ms : time_ms;
    return at_ms < now_ms ? at_ms : now_ms;
}

void wall_clock_bound(const struct engine *engine, struct open_run *open)
{
    int64_t now_ms = engine_now(engine);
    if (open->row.running_since_ms > now_ms) {
        open->row.running_since_ms = now_ms;
    }
    for (size_t i = 0; i < open->pipeline->step_count; i++) {
        const struct run_step *step = &open->run->steps[i];
        for (size_t k = 0; k < step->item_count; k++) {
            struct run_item *item = &step->items[k];
            if (item->state == STEP_STATE_DELAYED) {
                int64_t latest_ms = now_ms + run_retry_delay_ms(open->pipeline->steps[i].retry, item->attempts + 1,
                                                                open->run->seed, i, k);
                item->due_ms = item->due_ms < latest_ms ? item->due_ms : latest_ms;
            }
        }
    }
}
