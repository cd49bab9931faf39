/* SPDX-License-Identifier: Apache-2.0
 * Cancelling a run that cannot be loaded: its definition is no longer accepted, or rows of it are gone, so that no step
 * of it can be decided about. All that can be done is to stop what it has and to close its rows.
 */
#include "engine/engine_internal.h"
#include "engine/firing.h"
#include "engine/targets.h"
#include "store/free_heirs.h"

/* What somebody has removed from the store needs no end. */
static int unless_gone(int result, const struct err *wrong, struct err *err)
{
    if (result < 0 && wrong->code != ERR_NOT_FOUND) {
        *err = *wrong;
        return -1;
    }
    return 0;
}

static int end_step_run(struct engine *engine, const struct attempt_row *row, const char *reason, struct err *err)
{
    const char *ready = NULL;
    struct err wrong = {0};
    int result = models_settle(engine, row->step_run_id, false, reason, row->ended_ms, &ready, &wrong) < 0 ||
                         store_run_end(engine->options.store, row->step_run_id, RUN_STATUS_KILLED, row->ended_ms,
                                       &wrong) < 0
                     ? -1
                     : 0;
    return unless_gone(result, &wrong, err);
}

static int close_attempts(struct engine *engine, const char *run_id, const char *reason, struct err *err)
{
    struct attempt_row *rows = NULL;
    size_t count = 0;
    if (store_attempt_list(engine->options.store, run_id, engine->turn, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (rows[i].ended_ms != 0) {
            continue;
        }
        stop_send(engine, &rows[i], "cancel", 0);
        rows[i].state = ATTEMPT_STATE_CANCELLED;
        rows[i].reason = reason;
        rows[i].stopping = "cancel";
        rows[i].ended_ms = engine_now(engine);
        if (store_attempt_update(engine->options.store, &rows[i], err) < 0 ||
            end_step_run(engine, &rows[i], reason, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int close_waits(struct engine *engine, const char *run_id, struct err *err)
{
    struct wait_row *rows = NULL;
    size_t count = 0;
    if (store_wait_list(engine->options.store, run_id, false, engine->turn, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        rows[i].status = "withdrawn";
        rows[i].check_ms = 0;
        rows[i].ended_ms = engine_now(engine);
        if (store_wait_update(engine->options.store, &rows[i], err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Its children end as any cancelled run does. */
static int cancel_children(struct engine *engine, const char *run_id, const char *reason, struct err *err)
{
    for (size_t i = 0; i < engine->runs.count; i++) {
        struct open_run *child = engine->runs.items[i];
        if (child->row.parent_run == NULL || strcmp(child->row.parent_run, run_id) != 0) {
            continue;
        }
        struct run_event event = {.kind = RUN_EVENT_CANCEL, .now_ms = engine_now(engine), .reason = reason};
        if (open_run_apply(engine, child, &event, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* The step of the parent that the run was, when the parent could be loaded. */
static int tell_parent(struct engine *engine, const struct pipeline_run *row, struct err *err)
{
    struct open_run *parent = row->parent_run == NULL ? NULL : open_run_find(engine, row->parent_run);
    if (parent == NULL) {
        return 0;
    }
    struct run_event event = {.kind = RUN_EVENT_ENDED,
                              .place = {(size_t)row->parent_step, (size_t)row->parent_item},
                              .now_ms = engine_now(engine),
                              .ended = ATTEMPT_STATE_CANCELLED,
                              .exit_code = -1,
                              .reason = row->reason};
    return open_run_apply(engine, parent, &event, err);
}

int run_abandon(struct engine *engine, const char *run_id, const char *reason, struct err *err)
{
    struct store *store = engine->options.store;
    struct pipeline_run row;
    struct err gone = {0};
    if (store_pipeline_run_get(store, run_id, engine->turn, &row, err) < 0) {
        return -1;
    }
    const char *before = run_state_name(row.state);
    row.state = RUN_STATE_CANCELLED;
    row.reason = reason;
    row.cancelling = reason;
    row.running_ms += row.running_since_ms == 0 ? 0 : engine_now(engine) - row.running_since_ms;
    row.running_since_ms = 0;
    row.ended_ms = engine_now(engine);
    if (close_attempts(engine, run_id, reason, err) < 0 || close_waits(engine, run_id, err) < 0 ||
        targets_drop_run(engine, run_id, err) < 0 ||
        store_free_heirs_put(engine->options.store, run_id, "", NULL, err) < 0 ||
        cancel_children(engine, run_id, reason, err) < 0 ||
        store_steps_cancel(store, run_id, reason, row.ended_ms, err) < 0 ||
        store_pipeline_run_update(store, &row, err) < 0 ||
        unless_gone(store_run_update(store, run_id, RUN_STATUS_KILLED, row.ended_ms, &gone), &gone, err) < 0 ||
        engine_note(engine, "sluice", "run.ended", run_words(engine->turn, &row), run_id, before, "cancelled", reason,
                    "", err) < 0 ||
        firing_ended(engine, &row, err) < 0) {
        return -1;
    }
    engine->reload = true; /* what its attempts held is free */
    return tell_parent(engine, &row, err);
}
