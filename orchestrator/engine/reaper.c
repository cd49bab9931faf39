/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/reaper.h"

#include "base/log.h"
#include "engine/engine_internal.h"
#include "store/run_writes.h"

enum { LOOK_MS_MAX = 60000, LOOK_MS_MIN = 200, LISTEN_MS_MAX = 600000, AT_ONCE = 1000 };

static int64_t within(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

int64_t reaper_wait_ms(const struct engine *engine)
{
    return engine->options.reap_after_ms == 0 ? INT64_MAX : engine->reaper.next_ms - engine_now(engine);
}

/* It ended when it was heard of last. Its client may live and come back: what it logs is taken, and what it says of the
 * end counts. */
static int reap(struct engine *engine, const struct silent_run *run, int64_t now_ms, struct err *err)
{
    struct store *store = engine->options.store;
    const char *words = arena_printf(engine->turn, "no word for %lld s", (long long)(now_ms - run->at_ms) / 1000);
    log_warn("reaper", "run %s is given up: %s", run->run_id, words);
    return store_run_update(store, run->run_id, RUN_STATUS_FAILED, run->at_ms, err) < 0
               ? -1
               : store_run_tag(store, run->run_id, "sluice.reaped", words, err);
}

int reaper_look(struct engine *engine, struct err *err)
{
    struct reaper *reaper = &engine->reaper;
    int64_t after_ms = engine->options.reap_after_ms;
    int64_t now_ms = engine_now(engine);
    struct silent_run *runs = NULL;
    size_t count = 0;
    if (after_ms == 0 || now_ms < reaper->next_ms) {
        return 0;
    }
    bool first = reaper->next_ms == 0;
    if (turn_begin(engine, err) < 0 || store_run_writes_follow(engine->options.store, now_ms, err) < 0) {
        return -1;
    }
    if (!first && store_run_writes_silent(engine->options.store, now_ms - after_ms, AT_ONCE, engine->turn, &runs,
                                          &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (reap(engine, &runs[i], now_ms, err) < 0) {
            return -1;
        }
    }
    reaper->next_ms = now_ms + (first ? within(after_ms, 0, LISTEN_MS_MAX) : within(after_ms / 4, LOOK_MS_MIN,
                                                                                     LOOK_MS_MAX));
    return (int)count;
}
