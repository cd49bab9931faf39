/* SPDX-License-Identifier: Apache-2.0
 * Who starts runs by itself is asked in the turns, and what it may do there.
 */
#include "engine/firing.h"

#include "engine/engine_internal.h"
#include "engine/replay.h"

#include <stdio.h>

/* ---- asking ----------------------------------------------------------------------------------------------------- */

int64_t firing_wait_ms(const struct engine *engine)
{
    const struct engine_firing *firing = engine->options.firing;
    return firing == NULL ? INT64_MAX : firing->wait_ms(firing->ctx, engine_now(engine));
}

enum { STARTS_WAIT_MS = 200 };

/* Whoever has asked for something waits for a turn, and so do steps that are ready: 200 ms for five hundred runs are
 * little to them. What is due each second for ever must not keep them, though. */
static void order_starts(struct engine *engine, bool more)
{
    int64_t now_ms = clock_monotonic_ms(engine->options.clock);
    engine->rush_since_ms = !more ? 0 : engine->rush_since_ms == 0 ? now_ms : engine->rush_since_ms;
    engine->starts_wait = more && now_ms - engine->rush_since_ms < STARTS_WAIT_MS;
}

int firing_look(struct engine *engine, struct err *err)
{
    const struct engine_firing *firing = engine->options.firing;
    if (firing == NULL) {
        return 0;
    }
    int64_t now_ms = engine_now(engine);
    int fired = firing->due(firing->ctx, engine, now_ms, err);
    if (fired >= 0) {
        order_starts(engine, firing->more(firing->ctx, now_ms));
    }
    return fired;
}

int firing_ended(struct engine *engine, const struct pipeline_run *run, struct err *err)
{
    const struct engine_firing *firing = engine->options.firing;
    bool silent = firing == NULL || strcmp(run->trigger, REPLAY_TRIGGER) == 0;
    return silent ? 0 : firing->ended(firing->ctx, engine, run, err);
}

void firing_forget(const struct engine *engine)
{
    if (engine->options.firing != NULL) {
        engine->options.firing->forget(engine->options.firing->ctx);
    }
}

/* ---- what it may do --------------------------------------------------------------------------------------------- */

int engine_write(struct engine *engine, struct err *err)
{
    return turn_begin(engine, err);
}

int64_t engine_time(const struct engine *engine)
{
    return engine_now(engine);
}

int64_t engine_monotonic_ms(const struct engine *engine)
{
    return clock_monotonic_ms(engine->options.clock);
}

struct arena *engine_arena(struct engine *engine)
{
    return engine->turn;
}

void engine_crash_point(const struct engine *engine, const char *name)
{
    crash_point(engine, name);
}

int engine_record(struct engine *engine, const char *actor, const char *action, const char *object,
                  const char *object_id, const char *from, const char *to, const char *reason, struct err *err)
{
    return engine_note(engine, actor, action, object, object_id, from, to, reason, "", err);
}

int engine_command(struct engine *engine, int (*work)(void *ctx, struct engine *engine, struct err *err), void *ctx,
                   struct err *err)
{
    if (turn_ready(engine, err) < 0 || turn_begin(engine, err) < 0) {
        return -1;
    }
    return turn_end(engine, work(ctx, engine, err) < 0 ? -1 : 0, err);
}

static bool may_be_told(const struct err *wrong)
{
    return wrong->code == ERR_INPUT || wrong->code == ERR_STATE || wrong->code == ERR_NOT_FOUND;
}

/* May it turn out, once rows of it are written, that it cannot be? Params, tags, groups and what steps ask for are
 * looked at by then. Where not, no savepoint is made, for which each page that is written would be copied. This is only
 * foreseen: what is refused all the same takes back its whole turn (engine_start). */
static bool may_be_refused(const struct engine_submission *submission)
{
    const struct pipeline *pipeline = submission->pipeline;
    bool asks = false;
    for (size_t i = 0; i < pipeline->step_count; i++) {
        asks = asks || pipeline->steps[i].ask_count > 0;
    }
    return asks || submission->definition == NULL || submission->retry_of != NULL || pipeline->concurrency.has_group ||
           (pipeline->tags.type == JSON_OBJECT && pipeline->tags.u.object.count > 0) ||
           (submission->params.type == JSON_OBJECT && submission->params.u.object.count > 0);
}

/* What cannot begin fails before it has a place among the runs, and is taken back whole. */
int engine_start(struct engine *engine, const struct engine_submission *submission, char ret_run_id[40],
                 struct err *err)
{
    struct store *store = engine->options.store;
    struct open_run *open = NULL;
    struct err wrong = {0};
    bool careful = engine->starts_carefully || may_be_refused(submission);
    if (turn_begin(engine, err) < 0 || (careful && store_savepoint(store, err) < 0)) {
        return -1;
    }
    if (run_submit(engine, submission, &open, &wrong) < 0) {
        bool told = open == NULL && may_be_told(&wrong) && !store_failed_since_begin(store);
        if (told && !careful) { /* half of it may be written: the turn is taken back, and comes again with savepoints */
            engine->starts_carefully = true;
            return err_set(err, ERR_BUSY, "a run was refused that was not expected to be: %s", wrong.message);
        }
        if (told) {
            store_savepoint_back(store);
        }
        *err = wrong;
        err->code = told ? wrong.code : wrong.code == ERR_STATE || wrong.code == ERR_INPUT ? ERR_INTERNAL : wrong.code;
        return -1;
    }
    (void)snprintf(ret_run_id, 40, "%s", open->row.run_id);
    return careful ? store_savepoint_release(store, err) : 0;
}

int engine_end_run(struct engine *engine, const char *run_id, const char *reason, struct err *err)
{
    struct open_run *open = open_run_find(engine, run_id);
    struct run_event event = {.kind = RUN_EVENT_CANCEL, .now_ms = engine_now(engine), .reason = reason};
    if (open == NULL) {
        return 0;
    }
    return turn_begin(engine, err) < 0 ? -1 : open_run_apply(engine, open, &event, err);
}
