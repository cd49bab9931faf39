/* SPDX-License-Identifier: Apache-2.0
 * Event + state -> new state: one handler for each kind of event.
 */
#include "run/run_internal.h"

#include <assert.h>
#include <stdio.h>

void run_items_done(struct run *run, size_t index, struct run_changes *changes)
{
    struct run_step *step = &run->steps[index];
    size_t failed = 0;
    size_t cancelled = 0;
    const char *reason = NULL;
    const char *refused_by = NULL;
    const char *cancel_reason = NULL;
    for (size_t i = 0; i < step->item_count; i++) {
        const struct run_item *item = &step->items[i];
        failed += item->state == STEP_STATE_FAILED ? 1 : 0;
        cancelled += item->state == STEP_STATE_CANCELLED ? 1 : 0;
        cancel_reason = item->state == STEP_STATE_CANCELLED ? item->reason : cancel_reason;
        if (reason == NULL && item->state == STEP_STATE_FAILED) {
            reason = item->reason;
        }
        if (refused_by == NULL && item->refused_by != NULL) {
            refused_by = item->refused_by;
        }
    }
    step->refused = refused_by != NULL;
    if (failed > 0) {
        const char *text = step->item_count == 1 ? reason
                                                 : arena_printf(run->arena, "%zu of %zu items failed; the first: %s",
                                                                failed, step->item_count, reason == NULL ? "" : reason);
        run_step_end(run, index, STEP_STATE_FAILED, text, changes);
    } else if (cancelled > 0) {
        run_step_end(run, index, STEP_STATE_CANCELLED, run->cancelling ? run->cancel_reason : cancel_reason, changes);
    } else {
        run_step_end(run, index, STEP_STATE_SUCCEEDED, refused_by, changes);
    }
}

static void item_end(struct run *run, struct run_place place, enum step_state state, const char *reason, int64_t now_ms,
                     struct run_changes *changes)
{
    struct run_step *step = &run->steps[place.step];
    struct run_item *item = run_item_at(run, place);
    step->items_live -= item->state == STEP_STATE_PENDING ? 0 : 1;
    item->state = state;
    item->reason = reason == NULL ? NULL : arena_strdup(run->arena, reason);
    item->ended_ms = now_ms;
    item->resumed = false;
    item->owes = 0;
    step->items_done++;
    changes_item(changes, place);
}

/* ---- what is owed --------------------------------------------------------------------------------------------- */

/* A step that has changed something outside, such as the traffic between two versions of a model, and ended or was
 * cancelled before it was done with it, is started once more, in a cancelled run too: it finds in its state what it has
 * left. The first time at once, then later, since what has failed may come back. */
static bool owes_repair(const struct run_item *item)
{
    return item->owes > 0 && item->owes <= RUN_MOST_REPAIRS;
}

static void repair(struct run *run, struct run_place place, const char *why, int64_t now_ms,
                   struct run_changes *changes)
{
    struct run_item *item = run_item_at(run, place);
    bool queued = item->state == STEP_STATE_READY;
    int before = item->owes++;
    item->resumed = false;
    item->reason = arena_printf(run->arena, "puts right what attempt %d has left: %s", item->attempts,
                                why == NULL ? "it failed" : why);
    changes_item(changes, place);
    if (before == 1) {
        item->state = STEP_STATE_READY;
        if (!queued) {
            run_push_ready(run, place);
        }
        return;
    }
    item->state = STEP_STATE_DELAYED;
    item->due_ms = now_ms + (int64_t)(before - 1) * RUN_REPAIR_DELAY_MS;
    changes_action(changes, (struct run_action){.kind = RUN_ACTION_WAKE, .place = place, .at_ms = item->due_ms});
}

/* Of one that has failed; that it still owes something is said. */
static const char *end_words(const struct run *run, const struct run_item *item, const char *reason)
{
    return item->owes == 0 ? reason
                           : arena_printf(run->arena, "%s; what it has left was not put right in %d more attempts",
                                          reason == NULL ? "failed" : reason, RUN_MOST_REPAIRS);
}

/* It holds no process. */
static void cancel_idle(struct run *run, struct run_place place, const char *reason, int64_t now_ms,
                        struct run_changes *changes)
{
    if (owes_repair(run_item_at(run, place))) {
        repair(run, place, reason, now_ms, changes);
    } else {
        item_end(run, place, STEP_STATE_CANCELLED, reason, now_ms, changes);
    }
}

/* Ends or stops every item of the step that is not terminal. Active ones end later, by their own event. */
static void cancel_items(struct run *run, size_t index, const char *why, const char *reason, int64_t now_ms,
                         struct run_changes *changes)
{
    struct run_step *step = &run->steps[index];
    for (size_t i = 0; i < step->item_count; i++) {
        struct run_place place = {index, i};
        struct run_item *item = &step->items[i];
        switch (item->state) {
        case STEP_STATE_ACTIVE:
            if (item->owes > 1) { /* it is about what is wanted: to leave nothing half done */
                break;
            }
            changes_action(changes, (struct run_action){
                                        .kind = item->child_run_id != NULL ? RUN_ACTION_CANCEL_CHILD : RUN_ACTION_STOP,
                                        .place = place,
                                        .text = why});
            break;
        case STEP_STATE_WAITING:
            if (item->child_run_id != NULL) {
                changes_action(changes,
                               (struct run_action){.kind = RUN_ACTION_CANCEL_CHILD, .place = place, .text = why});
                break;
            }
            changes_action(changes, (struct run_action){.kind = RUN_ACTION_WITHDRAW, .place = place, .text = reason});
            cancel_idle(run, place, reason, now_ms, changes);
            break;
        case STEP_STATE_READY:
            if (item->resumed) { /* its wait is over, and its attempt would have gone on */
                changes_action(changes,
                               (struct run_action){.kind = RUN_ACTION_WITHDRAW, .place = place, .text = reason});
            } else if (item->owes > 1) {
                break;
            }
            cancel_idle(run, place, reason, now_ms, changes);
            break;
        case STEP_STATE_PENDING:
        case STEP_STATE_DELAYED:
            if (item->owes <= 1) {
                item_end(run, place, STEP_STATE_CANCELLED, reason, now_ms, changes);
            }
            break;
        default:
            break;
        }
    }
    step->next_item = step->item_count;
    if (step->expanded && !step_state_is_terminal(step->state) && step->items_done == step->item_count) {
        run_items_done(run, index, changes);
    }
}

static void after_item(struct run *run, struct run_place place, int64_t now_ms, struct run_changes *changes)
{
    struct run_step *step = &run->steps[place.step];
    if (run->pipeline->steps[place.step].fail_fast && run_item_at(run, place)->state == STEP_STATE_FAILED &&
        step->items_done < step->item_count) {
        cancel_items(run, place.step, "cancel", "another item failed and fail_fast is set", now_ms, changes);
        return;
    }
    if (step->items_done == step->item_count) {
        run_items_done(run, place.step, changes);
    } else {
        run_fill_ready(run, place.step, changes);
    }
}

/* fail_fast has stopped the others: one that failed before the stop reached it is not tried again. */
static bool gave_up(const struct run *run, size_t index)
{
    const struct run_step *step = &run->steps[index];
    for (size_t i = 0; run->pipeline->steps[index].fail_fast && i < step->item_count; i++) {
        if (step->items[i].state == STEP_STATE_FAILED) {
            return true;
        }
    }
    return false;
}

static void apply_ended(struct run *run, const struct run_event *event, struct run_changes *changes)
{
    struct run_item *item = run_item_at(run, event->place);
    const struct retry_policy *retry = run_step_at(run, event->place)->retry;
    if (event->ended == ATTEMPT_STATE_SUCCEEDED) {
        item_end(run, event->place, STEP_STATE_SUCCEEDED, event->reason, event->now_ms, changes);
    } else if (owes_repair(item)) {
        repair(run, event->place, event->reason, event->now_ms, changes);
        return;
    } else if (event->ended == ATTEMPT_STATE_CANCELLED) {
        item_end(run, event->place, STEP_STATE_CANCELLED, event->reason, event->now_ms, changes);
    } else if (!run->cancelling && !gave_up(run, event->place.step) && run_should_retry(retry, item->attempts, event)) {
        item->state = STEP_STATE_DELAYED;
        item->resumed = false;
        item->due_ms = event->now_ms +
                       run_retry_delay_ms(retry, item->attempts + 1, run->seed, event->place.step, event->place.item);
        item->reason = arena_printf(run->arena, "attempt %d: %s", item->attempts,
                                    event->reason == NULL ? "failed" : event->reason);
        changes_item(changes, event->place);
        changes_action(changes,
                       (struct run_action){.kind = RUN_ACTION_WAKE, .place = event->place, .at_ms = item->due_ms});
        return;
    } else {
        if (event->refused) {
            item->refused_by = arena_strdup(run->arena, event->reason == NULL ? "refused" : event->reason);
        }
        item_end(run, event->place, STEP_STATE_FAILED, end_words(run, item, event->reason), event->now_ms, changes);
    }
    after_item(run, event->place, event->now_ms, changes);
}

static void forget_item(struct run_changes *changes, struct run_place place)
{
    size_t kept = 0;
    for (size_t i = 0; i < changes->items.count; i++) {
        struct run_place other = changes->items.items[i];
        if (other.step != place.step || other.item != place.item) {
            changes->items.items[kept++] = other;
        }
    }
    changes->items.count = kept;
}

/* What run_take_early did, undone. */
static void apply_not_begun(struct run *run, const struct run_event *event, struct run_changes *changes)
{
    struct run_step *step = &run->steps[event->place.step];
    forget_item(changes, event->place);
    step->state = STEP_STATE_PENDING;
    step->reason = NULL;
    step->expanded = false;
    step->item_count = step->items_live = step->items_done = step->next_item = 0;
    changes_step(changes, event->place.step);
    if (step->unmet == 0) {
        vec_push(&run->due, event->place.step);
    }
}

/* Place and values of the item are its own; everything else is what was kept. */
static void apply_reused(struct run *run, const struct run_event *event, struct run_changes *changes)
{
    struct run_item *item = run_item_at(run, event->place);
    struct run_item kept = run_copy_item(run->arena, event->kept);
    memcpy(kept.key, item->key, sizeof kept.key);
    kept.matrix = item->matrix;
    kept.state = item->state;
    kept.attempts = item->attempts - 1; /* this one was not needed */
    kept.due_ms = 0;
    kept.started_ms = event->now_ms;
    kept.reused = true;
    kept.carried_from = arena_strdup(run->arena, event->kept_from);
    *item = kept;
    item_end(run, event->place, STEP_STATE_SUCCEEDED, NULL, event->now_ms, changes);
    after_item(run, event->place, event->now_ms, changes);
}

static void apply_waiting(struct run *run, const struct run_event *event, struct run_changes *changes)
{
    struct run_item *item = run_item_at(run, event->place);
    item->state = STEP_STATE_WAITING;
    item->reason = event->reason == NULL ? NULL : arena_strdup(run->arena, event->reason);
    changes_item(changes, event->place);
}

static void apply_wait_over(struct run *run, const struct run_event *event, struct run_changes *changes)
{
    struct run_item *item = run_item_at(run, event->place);
    item->reason = event->reason == NULL ? NULL : arena_strdup(run->arena, event->reason);
    changes_item(changes, event->place);
    if (item->child_run_id != NULL) {
        item->state = STEP_STATE_ACTIVE;
        return;
    }
    item->state = STEP_STATE_READY;
    item->resumed = true;
    run_push_ready(run, event->place);
}

static void apply_due(struct run *run, const struct run_event *event, struct run_changes *changes)
{
    for (size_t i = 0; i < run->pipeline->step_count; i++) {
        struct run_step *step = &run->steps[i];
        for (size_t k = 0; step->items_live > 0 && k < step->item_count; k++) {
            struct run_item *item = &step->items[k];
            if (item->state == STEP_STATE_DELAYED && item->due_ms <= event->now_ms) {
                struct run_place place = {i, k};
                item->state = STEP_STATE_READY;
                item->due_ms = 0;
                run_push_ready(run, place);
                changes_item(changes, place);
            }
        }
    }
}

static void apply_begin(struct run *run, struct run_changes *changes)
{
    run->state = RUN_STATE_RUNNING;
    run->reason = NULL;
    changes->run = true;
    if (run->begun) {
        return;
    }
    run->begun = true;
    for (size_t i = 0; i < run->pipeline->step_count; i++) {
        struct run_step *step = &run->steps[i];
        step->unmet = 0;
        for (size_t n = 0; n < run->pipeline->steps[i].need_count; n++) {
            size_t need = run->pipeline->steps[i].needs[n].step;
            step->unmet += step_state_is_terminal(run->steps[need].state) ? 0 : 1;
        }
        if (step->unmet == 0 && step->state == STEP_STATE_PENDING) {
            vec_push(&run->due, i);
        }
    }
}

/* Nothing has begun: not even what always() runs has anything to do. */
static void cancel_all(struct run *run, struct run_changes *changes)
{
    for (size_t i = 0; i < run->pipeline->step_count; i++) {
        if (!step_state_is_terminal(run->steps[i].state)) {
            run_step_end(run, i, STEP_STATE_CANCELLED, run->cancel_reason, changes);
        }
    }
}

/* Steps that have begun are cancelled now; pending ones when their turn comes (settle.c), so that always() can run. */
static void apply_cancel(struct run *run, const struct run_event *event, struct run_changes *changes)
{
    bool timeout = event->kind == RUN_EVENT_TIMEOUT;
    if (run->cancelling) {
        return;
    }
    run->cancelling = true;
    run->timed_out = timeout;
    run->cancel_reason = arena_strdup(run->arena, event->reason == NULL ? "cancelled" : event->reason);
    changes->run = true;
    if (!run->begun) {
        cancel_all(run, changes);
        return;
    }
    for (size_t i = 0; i < run->pipeline->step_count; i++) {
        if (run->steps[i].expanded && !step_state_is_terminal(run->steps[i].state)) {
            cancel_items(run, i, timeout ? "timeout" : "cancel", run->cancel_reason, event->now_ms, changes);
        }
    }
}

static enum verdict run_verdict(const struct run *run)
{
    enum verdict verdict = VERDICT_NONE;
    for (size_t i = 0; i < run->pipeline->step_count; i++) {
        for (size_t k = 0; k < run->steps[i].item_count; k++) {
            if (run->steps[i].items[k].refused_by != NULL) {
                return VERDICT_REFUSED;
            }
            verdict = run->steps[i].items[k].gate_passed ? VERDICT_PASSED : verdict;
        }
    }
    return verdict;
}

static const char *step_words(const struct run *run, size_t index)
{
    const char *reason = run->steps[index].reason;
    return arena_printf(run->arena, "step '%.*s': %s", STR_ARG(run->pipeline->steps[index].id),
                        reason == NULL ? step_state_name(run->steps[index].state) : reason);
}

static void finish(struct run *run, struct run_changes *changes)
{
    const struct pipeline *pipeline = run->pipeline;
    run->state = RUN_STATE_SUCCEEDED;
    run->reason = NULL;
    run->verdict = run_verdict(run);
    for (size_t i = 0; i < pipeline->step_count && run->state == RUN_STATE_SUCCEEDED; i++) {
        if (run->steps[i].state == STEP_STATE_FAILED && !pipeline->steps[i].continue_on_error) {
            run->state = RUN_STATE_FAILED;
            run->reason = step_words(run, i);
        }
    }
    /* A step that was cancelled by itself: its approval was withdrawn for a newer one. */
    for (size_t i = 0; i < pipeline->step_count && run->state == RUN_STATE_SUCCEEDED; i++) {
        if (run->steps[i].state == STEP_STATE_CANCELLED) {
            run->state = RUN_STATE_CANCELLED;
            run->reason = step_words(run, i);
        }
    }
    if (run->cancelling) {
        run->state = run->timed_out ? RUN_STATE_FAILED : RUN_STATE_CANCELLED;
        run->reason = run->cancel_reason;
    }
    changes->run = true;
}

/* Running while something is ready, active or delayed; waiting when only waits are left. What waited and needs a place
 * is queued until it has one again; the end of a cancelled run needs none. */
static void refresh_state(struct run *run, struct run_changes *changes)
{
    bool waiting = false;
    for (size_t i = 0; i < run->pipeline->step_count; i++) {
        const struct run_step *step = &run->steps[i];
        for (size_t k = 0; step->items_live > 0 && k < step->item_count; k++) {
            enum step_state state = step->items[k].state;
            if (state == STEP_STATE_READY || state == STEP_STATE_ACTIVE || state == STEP_STATE_DELAYED) {
                waiting = false;
                goto found;
            }
            waiting = waiting || state == STEP_STATE_WAITING;
        }
    }
found:;
    enum run_state now = waiting ? RUN_STATE_WAITING : RUN_STATE_RUNNING;
    if (now == RUN_STATE_RUNNING && run->grouped && !run->cancelling && run->state != RUN_STATE_RUNNING) {
        now = RUN_STATE_QUEUED;
    }
    if (run->begun && run->state != now) {
        run->state = now;
        run->reason = NULL;
        changes->run = true;
    }
}

/* News may cross with a cancel, or be told twice by a runner that lost its answer: it changes nothing then. */
static bool is_late(const struct run *run, const struct run_event *event)
{
    if (event->kind != RUN_EVENT_ENDED && event->kind != RUN_EVENT_WAITING && event->kind != RUN_EVENT_WAIT_OVER &&
        event->kind != RUN_EVENT_REUSED && event->kind != RUN_EVENT_NOT_BEGUN) {
        return false;
    }
    enum step_state state = run_item_at(run, event->place)->state;
    bool holds = state == STEP_STATE_WAITING || (state == STEP_STATE_ACTIVE && event->kind != RUN_EVENT_WAIT_OVER);
    return !holds;
}

void run_apply(struct run *run, const struct run_event *event, struct run_changes *changes)
{
    assert(!run_state_is_terminal(run->state));
    if (is_late(run, event)) {
        return;
    }
    switch (event->kind) {
    case RUN_EVENT_BEGIN:
        apply_begin(run, changes);
        break;
    case RUN_EVENT_ENDED:
        apply_ended(run, event, changes);
        break;
    case RUN_EVENT_REUSED:
        apply_reused(run, event, changes);
        break;
    case RUN_EVENT_NOT_BEGUN:
        apply_not_begun(run, event, changes);
        break;
    case RUN_EVENT_WAITING:
        apply_waiting(run, event, changes);
        break;
    case RUN_EVENT_WAIT_OVER:
        apply_wait_over(run, event, changes);
        break;
    case RUN_EVENT_DUE:
        apply_due(run, event, changes);
        break;
    case RUN_EVENT_CANCEL:
    case RUN_EVENT_TIMEOUT:
        apply_cancel(run, event, changes);
        break;
    }
    run_settle_due(run, changes);
    if (run->done == run->pipeline->step_count) {
        finish(run, changes);
    } else {
        refresh_state(run, changes);
    }
}
