/* SPDX-License-Identifier: Apache-2.0
 * What people do in a history: start runs, vote, cancel, kill, and try again what failed.
 */
#include "history_internal.h"

#include "pipeline/diag.h"

#include <stdio.h>
#include <string.h>

/* ---- what people do -------------------------------------------------------------------------- */

static void promise(struct history *h, const char *run_id, const char *actor, int64_t wait, bool cancelled)
{
    struct promise p = {.wait = wait, .cancelled = cancelled};
    (void)snprintf(p.run_id, sizeof p.run_id, "%s", run_id);
    (void)snprintf(p.actor, sizeof p.actor, "%s", actor);
    vec_push(&h->judge.promises, p);
}

static int submit(struct history *h, const struct run_made *run, struct err *err)
{
    struct world *world = &h->world;
    struct arena *arena = arena_new();
    struct diags diags;
    diags_init(&diags, arena, arena_printf(arena, "%s/sluice.yaml", world->workspace));
    diags.text = arena_str(arena, str_from(world->plan.text));
    struct pipeline_world loads = {.plugins = &h->catalogue, .folder = world->workspace, .root = world->workspace};
    const struct pipeline *pipeline = pipeline_load(&diags, &loads);
    struct engine_submission submission = {
        .run_id = run->run_id,
        .pipeline = pipeline,
        .workspace = world->workspace,
        .params = json_object(),
        .trigger = "cli",
        .actor = "ann",
        .git = json_object(),
        .seed = world->seed | 1,
        .retry_of = run->retry_of[0] != '\0' ? run->retry_of : NULL,
    };
    char run_id[40];
    if (pipeline == NULL) {
        world_fail(world, "the plan is no pipeline: %d: %s\n%s", diags.count > 0 ? diags.items[0].pos.line : 0,
                   diags.count > 0 ? diags.items[0].message : "", world->plan.text);
        arena_free(arena);
        return 0;
    }
    int result = engine_submit(h->engine, &submission, run_id, err);
    history_told(h, "a submission", result, err);
    arena_free(arena);
    return result;
}

/* What was not acknowledged may have happened or not: people look, and do it again. */
static bool do_submit(struct history *h, const struct run_made *run, struct err *err)
{
    if (judge_run_state(&h->judge, run->run_id) == NULL && submit(h, run, err) < 0) {
        return false;
    }
    promise(h, run->run_id, "", 0, false);
    return true;
}

static bool do_vote(struct history *h, struct err *err)
{
    static const char *const people[] = {"ann", "bob", "cid"};
    struct arena *arena = arena_new();
    struct json outcome;
    char run_id[40];
    char step[8];
    int64_t wait = 0;
    uint64_t luck = rng_next(&h->rng);
    struct engine_vote vote = {
        .run_id = run_id,
        .step = step,
        .actor = people[luck % 3],
        .groups = json_array(),
        .approve = luck / 3 % 5 != 0,
        .reason = "seen",
    };
    int result = 0;
    if (judge_approval(&h->judge, luck / 15, &wait, run_id, step)) {
        result = engine_vote(h->engine, &vote, &outcome, arena, err);
        history_told(h, "a vote", result, err);
        world_trace(&h->world, "%s says %s: %s", vote.actor, vote.approve ? "yes" : "no",
                    result == 0 ? "taken" : err->message);
        if (result == 0) {
            promise(h, run_id, vote.actor, wait, false);
        }
    }
    arena_free(arena);
    return result == 0;
}

static bool do_cancel(struct history *h, const struct run_made *run, struct err *err)
{
    const char *state = judge_run_state(&h->judge, run->run_id);
    if (state == NULL) {
        (void)err_set(err, ERR_BUSY, "it has not begun");
        return false;
    }
    if (strcmp(state, "succeeded") == 0 || strcmp(state, "failed") == 0 || strcmp(state, "cancelled") == 0) {
        return true; /* by the store: an engine whose turn has just failed may not have loaded it again */
    }
    if (h->crash_at_cancel) {
        h->world.crash_after = (int)rng_below(&h->rng, 5);
        h->crash_at_cancel = false;
    }
    int result = engine_cancel(h->engine, run->run_id, "bob", "", err);
    history_told(h, "a cancel", result, err);
    if (result < 0) {
        return false;
    }
    promise(h, run->run_id, "", 0, true);
    return true;
}

/* A second word, after the cancel. */
static bool do_kill(struct history *h, const struct run_made *run, struct err *err)
{
    for (size_t i = 0; i < h->command_count; i++) {
        if (h->commands[i].kind == COMMAND_CANCEL && !h->commands[i].done) {
            (void)err_set(err, ERR_BUSY, "it is not cancelled yet");
            return false;
        }
    }
    int result = engine_kill(h->engine, run->run_id, err);
    history_told(h, "a kill", result, err);
    return result == 0;
}

/* A failed run is tried again: the steps that were good are carried. */
static bool do_retry(struct history *h, size_t number, struct err *err)
{
    struct run_made *run = &h->runs[number];
    const char *before = judge_run_state(&h->judge, h->runs[0].run_id);
    if (before == NULL || strcmp(before, "failed") != 0) {
        return true;
    }
    (void)snprintf(run->retry_of, sizeof run->retry_of, "%s", h->runs[0].run_id);
    return do_submit(h, run, err);
}

static bool is_done(const struct history *h, int kind)
{
    for (size_t i = 0; i < h->command_count; i++) {
        if ((int)h->commands[i].kind == kind && !h->commands[i].done) {
            return false;
        }
    }
    return true;
}

void people_do(struct history *h, int64_t number)
{
    static const char *const names[] = {"submit", "vote", "cancel", "kill", "retry", "tick", "stop tick",
                                        "version", "again"};
    struct command *command = &h->commands[number - 1];
    struct run_made *run = &h->runs[command->run];
    struct err err = {0};
    bool done = true;
    world_trace(&h->world, "command: %s", names[command->kind]);
    switch (command->kind) {
    case COMMAND_SUBMIT:
        done = do_submit(h, run, &err);
        break;
    case COMMAND_VOTE:
        done = do_vote(h, &err);
        break;
    case COMMAND_CANCEL:
        done = do_cancel(h, run, &err);
        break;
    case COMMAND_KILL:
        done = do_kill(h, run, &err);
        break;
    case COMMAND_RETRY:
        done = do_retry(h, command->run, &err);
        break;
    case COMMAND_TICK:
        done = ticks_change(h, true, &err);
        break;
    case COMMAND_STOP_TICK: /* not before it has begun, or it would never stop */
        done = is_done(h, COMMAND_TICK) && ticks_change(h, false, &err);
        break;
    case COMMAND_VERSION: /* not before somebody listens */
        done = is_done(h, COMMAND_TICK) && ticks_version(h, &err);
        break;
    case COMMAND_AGAIN:
        done = receivers_again(h, &err);
        break;
    }
    bool must = command->kind == COMMAND_SUBMIT || command->kind >= COMMAND_TICK;
    command->done = done || (!must && !store_has_failed(&err));
    if (!command->done) {
        world_trace(&h->world, "not done: %s", err.message);
        world_plan(&h->world, 1000, HAPPENS_COMMAND)->number = number;
    }
    h->restart = h->restart || (!done && (err.code == ERR_IO || err.code == ERR_CORRUPT));
}
