/* SPDX-License-Identifier: Apache-2.0
 * What time decides: how long a turn may wait, wakes that are due, runs whose time is over.
 */
#include "base/parse.h"
#include "engine/engine_internal.h"
#include "engine/firing.h"
#include "engine/heirs.h"

static void add_earlier(int64_t *earliest, int64_t at_ms)
{
    if (at_ms != 0 && (*earliest == 0 || at_ms < *earliest)) {
        *earliest = at_ms;
    }
}

int timers_wait_ms(const struct engine *engine, int timeout_ms)
{
    int64_t earliest = 0;
    add_earlier(&earliest, engine->next_wait_check_ms);
    for (size_t i = 0; i < engine->wakes.count; i++) {
        add_earlier(&earliest, engine->wakes.items[i].at_ms);
    }
    for (size_t i = 0; i < engine->runs.count; i++) {
        const struct open_run *open = engine->runs.items[i];
        add_earlier(&earliest, open->run->cancelling ? 0 : open->deadline_ms);
        add_earlier(&earliest, telling_late_at(open));
        if (open->look) {
            return 0;
        }
    }
    if (telling_has_news(engine) || engine->starts_left) {
        return 0;
    }
    int64_t left = earliest == 0 ? INT64_MAX : earliest - engine_now(engine);
    const int64_t looks[] = {backstop_wait_ms(engine), heirs_wait_ms(engine), deliveries_wait_ms(engine),
                             reaper_wait_ms(engine), firing_wait_ms(engine)};
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        left = looks[i] < left ? looks[i] : left;
    }
    if (left == INT64_MAX) {
        return timeout_ms;
    }
    left = left < 0 ? 0 : left > 3600000 ? 3600000 : left;
    return timeout_ms >= 0 && timeout_ms < left ? timeout_ms : (int)left;
}

int timers_fire_wakes(struct engine *engine, int64_t now_ms, struct err *err)
{
    int fired = 0;
    for (size_t i = engine->wakes.count; i > 0; i--) {
        struct wake wake = engine->wakes.items[i - 1];
        if (wake.at_ms > now_ms) {
            continue;
        }
        engine->wakes.items[i - 1] = engine->wakes.items[--engine->wakes.count];
        struct open_run *open = open_run_find(engine, wake.run_id);
        if (open == NULL || run_state_is_terminal(open->run->state)) {
            continue;
        }
        struct run_event event = {.kind = RUN_EVENT_DUE, .now_ms = now_ms};
        if (turn_begin(engine, err) < 0 || open_run_apply(engine, open, &event, err) < 0) {
            return -1;
        }
        fired++;
    }
    return fired;
}

int timers_fire_timeouts(struct engine *engine, int64_t now_ms, struct err *err)
{
    int fired = 0;
    for (size_t i = 0; i < engine->runs.count; i++) {
        struct open_run *open = engine->runs.items[i];
        if (open->deadline_ms == 0 || open->deadline_ms > now_ms || open->run->cancelling) {
            continue;
        }
        char limit[40];
        format_duration(limit, sizeof limit, open->pipeline->timeout_ms);
        const char *reason = arena_printf(engine->turn, "timed out after %s of running", limit);
        struct run_event event = {.kind = RUN_EVENT_TIMEOUT, .now_ms = now_ms, .reason = reason};
        if (turn_begin(engine, err) < 0 || open_run_apply(engine, open, &event, err) < 0) {
            return -1;
        }
        fired++;
    }
    return fired;
}
