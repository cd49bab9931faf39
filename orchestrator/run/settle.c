/* SPDX-License-Identifier: Apache-2.0
 * From pending to ready, skipped, failed or cancelled; and what follows for the steps behind.
 *
 * The end of a step only lowers its dependents' counters and notes who is due; run_settle_due works the notes off. So a
 * chain of 100,000 skipped steps needs no recursion.
 */
#include "run/run_internal.h"

/* What a need means for the step that needs it. */
enum need_outcome { NEED_GOOD, NEED_SKIPPED, NEED_REFUSED, NEED_BAD };

static enum need_outcome need_outcome(const struct run *run, const struct step_need *need)
{
    const struct run_step *needed = &run->steps[need->step];
    switch (needed->state) {
    case STEP_STATE_SUCCEEDED:
        return needed->refused && !need->optional ? NEED_REFUSED : NEED_GOOD;
    case STEP_STATE_SKIPPED:
        return need->optional ? NEED_GOOD : NEED_SKIPPED;
    default:
        return run->pipeline->steps[need->step].continue_on_error && needed->state == STEP_STATE_FAILED ? NEED_GOOD
                                                                                                        : NEED_BAD;
    }
}

/* Skips the step because of the first need that is not good; false when all are. */
static bool skip_for_needs(struct run *run, size_t index, struct run_changes *changes)
{
    const struct step *step = &run->pipeline->steps[index];
    for (size_t n = 0; n < step->need_count; n++) {
        const struct step_need *need = &step->needs[n];
        const struct run_step *needed = &run->steps[need->step];
        const struct str id = run->pipeline->steps[need->step].id;
        const char *reason = NULL;
        bool by_rule = false;
        switch (need_outcome(run, need)) {
        case NEED_GOOD:
            continue;
        case NEED_REFUSED:
            run->steps[index].refused = true;
            reason = arena_printf(run->arena, "refused by %.*s: %s", STR_ARG(id),
                                  needed->reason == NULL ? "" : needed->reason);
            break;
        case NEED_SKIPPED:
            run->steps[index].after_failure = needed->after_failure;
            run->steps[index].refused = needed->refused;
            by_rule = needed->refused && !run->pipeline->steps[need->step].condition_names_status;
            reason = by_rule && needed->reason != NULL
                         ? needed->reason
                         : arena_printf(run->arena, "'%.*s' was skipped", STR_ARG(id));
            break;
        case NEED_BAD:
            run->steps[index].after_failure = true;
            reason = arena_printf(run->arena, "'%.*s' %s", STR_ARG(id),
                                  needed->state == STEP_STATE_CANCELLED ? "was cancelled" : "failed");
            break;
        }
        run_step_end(run, index, STEP_STATE_SKIPPED, reason, changes);
        return true;
    }
    return false;
}

/* success(), failure(), cancelled(): about the step's needs and the run. */
static bool status_function(struct run *run, size_t index, struct str function)
{
    if (str_is(function, "always")) {
        return true;
    }
    if (str_is(function, "cancelled")) {
        return run->cancelling;
    }
    bool want_failure = str_is(function, "failure");
    if (run->cancelling) {
        return want_failure && run->timed_out;
    }
    const struct step *step = &run->pipeline->steps[index];
    for (size_t n = 0; n < step->need_count; n++) {
        enum need_outcome outcome = need_outcome(run, &step->needs[n]);
        bool failed = outcome == NEED_BAD || run->steps[step->needs[n].step].after_failure;
        if (want_failure && failed) {
            return true;
        }
        if (!want_failure && outcome != NEED_GOOD) {
            return false;
        }
    }
    return !want_failure;
}

struct condition_env {
    struct run_context context; /* first: the callbacks of run_context_env take its address */
    struct run *run;
    size_t step;
};

static bool condition_status(void *ctx, struct str function)
{
    struct condition_env *env = ctx;
    return status_function(env->run, env->step, function);
}

/* A step that its condition skips hands on what was before it, so that failure() behind it still sees the failure. */
static void note_needs(struct run *run, size_t index)
{
    const struct step *step = &run->pipeline->steps[index];
    struct run_step *state = &run->steps[index];
    for (size_t n = 0; n < step->need_count; n++) {
        const struct run_step *needed = &run->steps[step->needs[n].step];
        enum need_outcome outcome = need_outcome(run, &step->needs[n]);
        state->after_failure = state->after_failure || outcome == NEED_BAD || needed->after_failure;
        state->refused = state->refused || outcome == NEED_REFUSED || (outcome == NEED_SKIPPED && needed->refused);
    }
}

/* 1 the step may run, 0 it has its end already. */
static int check_condition(struct run *run, size_t index, struct run_changes *changes)
{
    const struct step *step = &run->pipeline->steps[index];
    if (step->condition == NULL) {
        return 1;
    }
    struct condition_env env = {.context = {.run = run, .step = index, .arena = run->arena}, .run = run, .step = index};
    struct expr_env expr_env = run_context_env(&env.context);
    expr_env.status = condition_status;
    struct err err = {0};
    bool holds = false;
    if (expr_eval_condition(step->condition, &expr_env, &holds, &err) < 0) {
        run_step_end(run, index, STEP_STATE_FAILED, arena_printf(run->arena, "if: %s", err.message), changes);
        return 0;
    }
    if (!holds) {
        note_needs(run, index);
        run_step_end(run, index, STEP_STATE_SKIPPED,
                     arena_printf(run->arena, "its condition was false: %s", step->condition_text.p), changes);
        return 0;
    }
    return 1;
}

/* Item `i` as it ended in the run that is retried, when it need not run again. */
static bool take_earlier(struct run_step *step, size_t i)
{
    struct run_item *item = &step->items[i];
    const struct run_item *earlier = &step->earlier[i];
    if (i >= step->earlier_count || earlier->state != STEP_STATE_SUCCEEDED || strcmp(earlier->key, item->key) != 0 ||
        !json_equal(&earlier->matrix, &item->matrix)) {
        return false;
    }
    *item = *earlier;
    return true;
}

/* One that is not the only item that runs ends before it begins. */
static bool leave_out(const struct run_step *step, size_t i)
{
    struct run_item *item = &step->items[i];
    if (step->only == NULL || strcmp(step->only, item->key) == 0) {
        return false;
    }
    item->state = STEP_STATE_SKIPPED;
    item->reason = "another item alone is asked for";
    return true;
}

int run_expand(struct run *run, size_t index, struct run_changes *changes)
{
    const struct step *step = &run->pipeline->steps[index];
    struct run_step *state = &run->steps[index];
    struct json *items = NULL;
    size_t count = 1;
    struct err err = {0};
    if (step->matrix != NULL && run_expand_matrix(run, index, &items, &count, &err) < 0) {
        run_step_end(run, index, STEP_STATE_FAILED, arena_strdup(run->arena, err.message), changes);
        return 0;
    }
    if (count == 0) {
        run_step_end(run, index, STEP_STATE_SKIPPED, "its matrix is empty", changes);
        return 0;
    }
    state->items = arena_array(run->arena, count, sizeof *state->items);
    state->item_count = count;
    state->expanded = true;
    for (size_t i = 0; i < count; i++) {
        struct run_item *item = &state->items[i];
        item->outputs = item->artifacts = item->metrics = json_object();
        if (step->matrix != NULL) {
            item->matrix = items[i];
            run_item_key(i, &items[i], item->key);
            state->items_done += take_earlier(state, i) || leave_out(state, i) ? 1 : 0;
        }
        changes_item(changes, (struct run_place){index, i});
    }
    if (state->only != NULL && state->items_done == count) {
        run_step_end(run, index, STEP_STATE_FAILED,
                     arena_printf(run->arena, "its matrix has no item %s any more", state->only), changes);
        return 0;
    }
    return 1;
}

static void settle(struct run *run, size_t index, struct run_changes *changes)
{
    const struct step *step = &run->pipeline->steps[index];
    if (!run->steps[index].wanted) {
        run_step_end(run, index, STEP_STATE_SKIPPED, "not needed for --until", changes);
        return;
    }
    if (run->cancelling && !step->condition_names_status) {
        run_step_end(run, index, STEP_STATE_CANCELLED, run->cancel_reason, changes);
        return;
    }
    if (!step->condition_names_status && skip_for_needs(run, index, changes)) {
        return;
    }
    if (check_condition(run, index, changes) == 0 || run_expand(run, index, changes) == 0) {
        return;
    }
    if (run->steps[index].items_done == run->steps[index].item_count) { /* the items that failed are in it no more */
        run_items_done(run, index, changes);
        return;
    }
    run->steps[index].state = STEP_STATE_READY;
    changes_step(changes, index);
    run_fill_ready(run, index, changes);
}

void run_settle_due(struct run *run, struct run_changes *changes)
{
    for (size_t i = 0; i < run->due.count; i++) {
        size_t index = run->due.items[i]; /* settling may grow the list */
        if (run->steps[index].state == STEP_STATE_PENDING) {
            settle(run, index, changes);
        }
    }
    run->due.count = 0;
}

void run_step_end(struct run *run, size_t index, enum step_state state, const char *reason, struct run_changes *changes)
{
    struct run_step *step = &run->steps[index];
    step->state = state;
    step->reason = reason;
    run->done++;
    changes_step(changes, index);
    for (size_t i = 0; i < step->dependent_count; i++) {
        struct run_step *dependent = &run->steps[step->dependents[i]];
        dependent->unmet--;
        if (dependent->unmet == 0) {
            vec_push(&run->due, step->dependents[i]);
        }
    }
}

void run_fill_ready(struct run *run, size_t index, struct run_changes *changes)
{
    struct run_step *state = &run->steps[index];
    size_t limit = (size_t)run->pipeline->steps[index].max_parallel;
    while (state->next_item < state->item_count && (limit == 0 || state->items_live < limit)) {
        struct run_place place = {index, state->next_item++};
        struct run_item *item = &state->items[place.item];
        if (item->state != STEP_STATE_PENDING) {
            continue;
        }
        item->state = STEP_STATE_READY;
        state->items_live++;
        run_push_ready(run, place);
        changes_item(changes, place);
    }
}

/* Its other needs have succeeded, and no gate in them said no. */
static bool waits_for_only(const struct run *run, size_t index, size_t step)
{
    const struct step *definition = &run->pipeline->steps[index];
    for (size_t n = 0; n < definition->need_count; n++) {
        const struct step_need *need = &definition->needs[n];
        if (need->step != step && need_outcome(run, need) != NEED_GOOD) {
            return false;
        }
    }
    return true;
}

size_t run_follower(const struct run *run, size_t step)
{
    const struct run_step *before = &run->steps[step];
    for (size_t i = 0; i < before->dependent_count; i++) {
        size_t index = before->dependents[i];
        const struct run_step *behind = &run->steps[index];
        const struct step *definition = &run->pipeline->steps[index];
        if (behind->state == STEP_STATE_PENDING && behind->wanted && behind->unmet == 1 && !behind->earlier_count &&
            definition->condition == NULL && definition->matrix == NULL && waits_for_only(run, index, step)) {
            return index;
        }
    }
    return SIZE_MAX;
}
