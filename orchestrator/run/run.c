/* SPDX-License-Identifier: Apache-2.0 */
#include "run/run_internal.h"

#include <assert.h>

void run_changes_clear(struct run_changes *changes)
{
    vec_clear(&changes->items);
    vec_clear(&changes->steps);
    vec_clear(&changes->actions);
    changes->run = false;
}

static void note_recent(struct run_changes *changes, size_t step)
{
    changes->recent[changes->revision++ % RUN_RECENT] = step;
}

/* Linear from the back: what changes twice mostly changed a moment ago. */
void changes_item(struct run_changes *changes, struct run_place place)
{
    note_recent(changes, place.step);
    for (size_t i = changes->items.count, seen = 0; i > 0 && seen < 16; i--, seen++) {
        struct run_place *other = &changes->items.items[i - 1];
        if (other->step == place.step && other->item == place.item) {
            return;
        }
    }
    vec_push(&changes->items, place);
}

void changes_step(struct run_changes *changes, size_t step)
{
    note_recent(changes, step);
    for (size_t i = changes->steps.count, seen = 0; i > 0 && seen < 16; i--, seen++) {
        if (changes->steps.items[i - 1] == step) {
            return;
        }
    }
    vec_push(&changes->steps, step);
}

void changes_action(struct run_changes *changes, struct run_action action)
{
    vec_push(&changes->actions, action);
}

struct run_item *run_item_at(const struct run *run, struct run_place place)
{
    assert(place.step < run->pipeline->step_count && place.item < run->steps[place.step].item_count);
    return &run->steps[place.step].items[place.item];
}

const struct step *run_step_at(const struct run *run, struct run_place place)
{
    return &run->pipeline->steps[place.step];
}

/* The reverse edges of all steps, in two passes over the needs. */
static void run_link_dependents(struct run *run)
{
    const struct pipeline *pipeline = run->pipeline;
    for (size_t i = 0; i < pipeline->step_count; i++) {
        for (size_t n = 0; n < pipeline->steps[i].need_count; n++) {
            run->steps[pipeline->steps[i].needs[n].step].dependent_count++;
        }
    }
    for (size_t i = 0; i < pipeline->step_count; i++) {
        run->steps[i].dependents = arena_array(run->arena, run->steps[i].dependent_count, sizeof(size_t));
        run->steps[i].dependent_count = 0;
    }
    for (size_t i = 0; i < pipeline->step_count; i++) {
        for (size_t n = 0; n < pipeline->steps[i].need_count; n++) {
            struct run_step *needed = &run->steps[pipeline->steps[i].needs[n].step];
            needed->dependents[needed->dependent_count++] = i;
        }
    }
}

/* Marks `step` and everything it needs. A worklist, not recursion: a chain may be 100,000 long. */
static void run_mark_wanted(struct run *run, size_t step)
{
    struct {
        VEC_OF(size_t)
    } todo = {0};
    vec_push(&todo, step);
    while (todo.count > 0) {
        size_t at = todo.items[--todo.count];
        if (run->steps[at].wanted) {
            continue;
        }
        run->steps[at].wanted = true;
        for (size_t n = 0; n < run->pipeline->steps[at].need_count; n++) {
            vec_push(&todo, run->pipeline->steps[at].needs[n].step);
        }
    }
    vec_clear(&todo);
}

struct run *run_new(const struct pipeline *pipeline, const char *run_id, const struct run_options *options)
{
    struct arena *arena = arena_new();
    struct run *run = arena_one(arena, struct run);
    run->arena = arena;
    run->pipeline = pipeline;
    run->run_id = arena_strdup(arena, run_id);
    run->seed = options->seed;
    run->params = run->info = run->git = run->vars = run->secrets = json_object();
    run->steps = arena_array(arena, pipeline->step_count, sizeof *run->steps);
    run_link_dependents(run);
    run_make_queues(run);
    ptrdiff_t until = options->until == NULL ? -1 : pipeline_find_step(pipeline, str_from(options->until));
    for (size_t i = 0; i < pipeline->step_count; i++) {
        run->steps[i].wanted = until < 0;
    }
    if (until >= 0) {
        run_mark_wanted(run, (size_t)until);
    }
    return run;
}

void run_free(struct run *run)
{
    if (run != NULL) {
        run_clear_queues(run);
        vec_clear(&run->due);
        arena_free(run->arena);
    }
}

static const char *copy_text(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_strdup(arena, text);
}

struct run_item run_copy_item(struct arena *arena, const struct run_item *from)
{
    struct run_item item = *from;
    item.reason = copy_text(arena, from->reason);
    item.matrix = json_copy(arena, &from->matrix);
    item.outputs = json_copy(arena, &from->outputs);
    item.artifacts = json_copy(arena, &from->artifacts);
    item.metrics = json_copy(arena, &from->metrics);
    item.model_id = copy_text(arena, from->model_id);
    item.model_uri = copy_text(arena, from->model_uri);
    item.step_run_id = copy_text(arena, from->step_run_id);
    item.child_run_id = copy_text(arena, from->child_run_id);
    item.carried_from = copy_text(arena, from->carried_from);
    item.refused_by = copy_text(arena, from->refused_by);
    return item;
}

static struct run_item carry_item(struct run *run, const struct run_item *from, const char *from_number)
{
    struct run_item item = run_copy_item(run->arena, from);
    if (item.carried_from == NULL) {
        item.carried_from = arena_strdup(run->arena, from_number);
    }
    return item;
}

/* "from run 12" of what succeeded; of the rest also why it ended so, said once however often it is carried. */
static const char *carried_reason(struct arena *arena, const struct run_step *from, const char *from_number)
{
    if (from->state == STEP_STATE_SUCCEEDED || from->reason == NULL) {
        return arena_printf(arena, "from run %s", from_number);
    }
    bool said = str_starts(str_from(from->reason), STR("from run "));
    return said ? arena_strdup(arena, from->reason) : arena_printf(arena, "from run %s: %s", from_number, from->reason);
}

void run_carry(struct run *run, size_t step, const struct run_step *from, const char *from_number)
{
    struct run_step *into = &run->steps[step];
    into->state = from->state;
    into->refused = from->refused;
    into->after_failure = from->after_failure;
    into->expanded = from->expanded;
    into->item_count = into->items_done = into->next_item = from->item_count;
    into->items = arena_array(run->arena, from->item_count, sizeof *into->items);
    for (size_t i = 0; i < from->item_count; i++) {
        into->items[i] = carry_item(run, &from->items[i], from_number);
    }
    into->reason = carried_reason(run->arena, from, from_number);
    run->done++;
}

void run_carry_items(struct run *run, size_t step, const struct run_step *from, const char *from_number)
{
    struct run_step *into = &run->steps[step];
    struct run_item *items = arena_array(run->arena, from->item_count, sizeof *items);
    for (size_t i = 0; i < from->item_count; i++) {
        items[i] = carry_item(run, &from->items[i], from_number);
    }
    into->earlier = items;
    into->earlier_count = from->item_count;
}

void run_only_item(struct run *run, size_t step, const char *key)
{
    run->steps[step].only = arena_strdup(run->arena, key);
}

void run_mark_below(const struct pipeline *pipeline, size_t from, bool *marks)
{
    marks[from] = true;
    for (bool grown = true; grown;) {
        grown = false;
        for (size_t i = 0; i < pipeline->step_count; i++) {
            for (size_t n = 0; !marks[i] && n < pipeline->steps[i].need_count; n++) {
                marks[i] = marks[pipeline->steps[i].needs[n].step];
                grown = grown || marks[i];
            }
        }
    }
}

void run_load_item(struct run *run, struct run_place place, const struct run_item *item)
{
    struct run_step *step = &run->steps[place.step];
    while (step->item_count <= place.item) {
        size_t count = step->item_count;
        if ((count & (count - 1)) == 0) { /* 0, 1, 2, 4, ...: it is full. Most steps have one item. */
            struct run_item *wider = arena_array(run->arena, count == 0 ? 1 : 2 * count, sizeof *wider);
            if (count > 0) {
                memcpy(wider, step->items, count * sizeof *wider);
            }
            step->items = wider;
        }
        step->item_count++;
    }
    step->items[place.item] = *item;
}

void run_load_step(struct run *run, size_t step, enum step_state state, const char *reason, bool expanded,
                   bool after_failure, bool refused, bool wanted)
{
    struct run_step *into = &run->steps[step];
    into->state = state;
    into->reason = copy_text(run->arena, reason);
    into->expanded = expanded;
    into->after_failure = after_failure;
    into->refused = refused;
    into->wanted = wanted;
}

static void run_resume_step(struct run *run, size_t index, struct run_changes *changes)
{
    struct run_step *step = &run->steps[index];
    step->items_done = step->items_live = 0;
    step->next_item = step->item_count;
    for (size_t i = 0; i < step->item_count; i++) {
        struct run_item *item = &step->items[i];
        struct run_place place = {index, i};
        if (step_state_is_terminal(item->state)) {
            step->items_done++;
        } else if (item->state != STEP_STATE_PENDING) {
            step->items_live++;
        }
        if (item->state == STEP_STATE_PENDING && step->next_item == step->item_count) {
            step->next_item = i;
        }
        if (item->state == STEP_STATE_READY) {
            run_push_ready(run, place);
        }
        if (item->state == STEP_STATE_DELAYED) {
            changes_action(changes,
                           (struct run_action){.kind = RUN_ACTION_WAKE, .place = place, .at_ms = item->due_ms});
        }
    }
    step->unmet = 0;
    for (size_t n = 0; n < run->pipeline->steps[index].need_count; n++) {
        size_t need = run->pipeline->steps[index].needs[n].step;
        step->unmet += step_state_is_terminal(run->steps[need].state) ? 0 : 1;
    }
    run->done += step_state_is_terminal(step->state) ? 1 : 0;
}

void run_resume(struct run *run, struct run_changes *changes)
{
    run->done = 0;
    run_empty_queues(run);
    for (size_t i = 0; i < run->pipeline->step_count; i++) {
        run_resume_step(run, i, changes);
    }
}

size_t run_active_count(const struct run *run)
{
    size_t count = 0;
    for (size_t i = 0; i < run->pipeline->step_count; i++) {
        for (size_t k = 0; run->steps[i].items_live > 0 && k < run->steps[i].item_count; k++) {
            count += run->steps[i].items[k].state == STEP_STATE_ACTIVE ? 1 : 0;
        }
    }
    return count;
}
