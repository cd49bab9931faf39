/* SPDX-License-Identifier: Apache-2.0
 * Open runs: from rows to memory, events applied, changes back to rows.
 */
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/engine_internal.h"
#include "engine/firing.h"
#include "engine/heirs.h"
#include "engine/replay_run.h"
#include "engine/targets.h"
#include "engine/waits.h"
#include "store/runs.h"

#include <stdlib.h>

const char *journal_path_of(const struct engine *engine, struct arena *arena, const char *run_id)
{
    return arena_printf(arena, "%s/runs/%s/journal", engine->options.home, run_id);
}

struct open_run *open_run_find(struct engine *engine, const char *run_id)
{
    for (size_t i = 0; i < engine->runs.count; i++) {
        if (strcmp(engine->runs.items[i]->row.run_id, run_id) == 0) {
            return engine->runs.items[i];
        }
    }
    return NULL;
}

static const char *keep_text(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_strdup(arena, text);
}

static struct pipeline_run keep_row(struct arena *arena, const struct pipeline_run *row)
{
    struct pipeline_run kept = *row;
    const char **texts[] = {&kept.run_id,    &kept.pipeline, &kept.definition, &kept.file,     &kept.folder,
                            &kept.workspace, &kept.reason,   &kept.cancelling, &kept.params,   &kept.contexts,
                            &kept.trigger,   &kept.actor,    &kept.until,      &kept.retry_of, &kept.parent_run,
                            &kept.concurrency_group};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i] = keep_text(arena, *texts[i]);
    }
    return kept;
}

/* The context `run`. */
static struct json run_info_context(struct arena *arena, const struct pipeline_run *row, const struct json *contexts)
{
    char label[32];
    pipeline_run_label(row, label);
    struct json info = json_object();
    json_set(arena, &info, "id", json_cstring(arena, row->run_id));
    json_set(arena, &info, "number", json_int(row->number));
    json_set(arena, &info, "name", json_cstring(arena, arena_printf(arena, "%s-%s", row->pipeline, label)));
    json_set(arena, &info, "trigger", json_cstring(arena, row->trigger));
    json_set(arena, &info, "actor", json_cstring(arena, row->actor));
    json_set(arena, &info, "started_ms", json_int(row->created_ms));
    const char *scheduled_for = json_get_text(contexts, "scheduled_for", NULL);
    if (scheduled_for != NULL) {
        json_set(arena, &info, "scheduled_for", json_cstring(arena, scheduled_for));
    }
    return info;
}

/* A replay of a gate that one item of a matrix was judges by that item alone. */
static void take_only_item(const struct open_run *open)
{
    const struct json *replay = replay_of(open);
    const char *item = json_get_text(replay, "item", NULL);
    const char *gate = json_get_text(replay, "step", "");
    ptrdiff_t step = item == NULL ? -1 : pipeline_find_step(open->pipeline, str_from(gate));
    if (step >= 0) {
        run_only_item(open->run, (size_t)step, item);
    }
}

struct open_run *open_run_add(struct engine *engine, const struct pipeline_run *row, struct definition *take_definition,
                              struct run *take_run)
{
    struct open_run *open = mem_alloc(sizeof *open);
    open->definition = take_definition;
    open->pipeline = take_definition->pipeline;
    open->run = take_run;
    open->row = keep_row(take_run->arena, row);
    open->journal_path = journal_path_of(engine, take_run->arena, row->run_id);
    struct json_limits limits = {0};
    (void)json_read(str_from(open->row.params), limits, take_run->arena, &take_run->params, NULL);
    (void)json_read(str_from(open->row.contexts), limits, take_run->arena, &open->contexts, NULL);
    take_run->info = run_info_context(take_run->arena, &open->row, &open->contexts);
    take_only_item(open);
    const struct json *git = json_get(&open->contexts, "git");
    const struct json *vars = json_get(&open->contexts, "vars");
    take_run->git = git == NULL ? json_object() : *git;
    take_run->vars = vars == NULL ? json_object() : *vars;
    take_run->hash_files = spawn_hash_files;
    take_run->hash_ctx = (void *)(uintptr_t)open->row.workspace;
    vec_push(&engine->runs, open);
    return open;
}

const struct pipeline *open_run_definition(struct engine *engine, const struct pipeline_run *row, bool begun,
                                           struct arena *arena, struct err *err)
{
    struct diags diags;
    diags_init(&diags, arena, row->file);
    if (store_definition_get(engine->options.store, row->definition, arena, &diags.text, err) < 0) {
        return NULL;
    }
    struct pipeline_world world = {
        .plugins = engine->options.plugins, .folder = row->folder, .root = row->workspace, .begun = begun};
    const struct pipeline *pipeline = pipeline_load(&diags, &world);
    if (pipeline == NULL) {
        (void)err_set(err, ERR_STATE, "its definition is no longer accepted: %s:%d:%d: %s", row->file,
                      diags.count > 0 ? diags.items[0].pos.line : 0, diags.count > 0 ? diags.items[0].pos.column : 0,
                      diags.count > 0 ? diags.items[0].message : "unknown");
    }
    return pipeline;
}

int open_run_load(struct engine *engine, const struct pipeline_run *row, struct open_run **ret_open, struct err *err)
{
    struct arena *arena = arena_new();
    const struct pipeline *pipeline = open_run_definition(engine, row, true, arena, err);
    if (pipeline == NULL) {
        arena_free(arena);
        return -1;
    }
    struct run_options options = {.until = row->until, .seed = (uint64_t)row->seed};
    struct run *run = run_new(pipeline, row->run_id, &options);
    struct open_run *open = open_run_add(engine, row, definition_new(arena, pipeline), run);
    run->state = open->row.state;
    run->grouped = open->row.concurrency_group != NULL;
    run->begun = open->row.started_ms != 0;
    run->reason = open->row.reason;
    run->verdict = open->row.verdict;
    run->cancelling = open->row.cancelling != NULL;
    run->cancel_reason = open->row.cancelling;
    run->timed_out = open->row.timed_out;
    if (store_steps_load(engine->options.store, run, err) < 0) {
        open_run_drop(engine, open);
        return -1;
    }
    wall_clock_bound(engine, open);
    run_resume(run, &open->changes);
    for (size_t i = 0; i < open->changes.actions.count; i++) {
        struct wake wake = {.at_ms = open->changes.actions.items[i].at_ms};
        memcpy(wake.run_id, row->run_id, strlen(row->run_id) + 1);
        vec_push(&engine->wakes, wake);
    }
    run_changes_clear(&open->changes);
    if (pipeline->timeout_ms > 0 && open->row.running_since_ms > 0) {
        open->deadline_ms = open->row.running_since_ms + pipeline->timeout_ms - open->row.running_ms;
    }
    *ret_open = open;
    return 0;
}

void open_run_drop(struct engine *engine, struct open_run *open)
{
    for (size_t i = 0; i < engine->runs.count; i++) {
        if (engine->runs.items[i] == open) {
            engine->runs.items[i] = engine->runs.items[--engine->runs.count];
            break;
        }
    }
    journal_reader_close(open->journal);
    free(open->journal_damage);
    free(open->free_heirs);
    run_changes_clear(&open->changes);
    run_free(open->run);
    definition_release(open->definition);
    free(open);
}

/* ---- events --------------------------------------------------------------------------------------- */

static int act_on(struct engine *engine, struct open_run *open, const struct run_action *action, struct err *err)
{
    struct live_attempt *attempt = attempt_at(engine, open, action->place);
    switch (action->kind) {
    case RUN_ACTION_WAKE: {
        struct wake wake = {.at_ms = action->at_ms};
        memcpy(wake.run_id, open->row.run_id, strlen(open->row.run_id) + 1);
        vec_push(&engine->wakes, wake);
        return 0;
    }
    case RUN_ACTION_STOP:
        if (attempt != NULL) {
            attempt_stop(engine, attempt, action->text, run_step_at(open->run, action->place)->stop_grace_ms);
        }
        return 0;
    case RUN_ACTION_WITHDRAW:
        return wait_withdraw(engine, open, action->place, action->text, engine_now(engine), err);
    case RUN_ACTION_CANCEL_CHILD: {
        struct open_run *child = open_run_find(engine, run_item_at(open->run, action->place)->child_run_id);
        struct run_event event = {
            .kind = RUN_EVENT_CANCEL, .now_ms = engine_now(engine), .reason = open->run->cancel_reason};
        return child == NULL ? 0 : open_run_apply(engine, child, &event, err);
    }
    }
    return 0;
}

int open_run_apply(struct engine *engine, struct open_run *open, const struct run_event *event, struct err *err)
{
    if (run_state_is_terminal(open->run->state)) {
        return 0;
    }
    bool cancels = event->kind == RUN_EVENT_CANCEL || event->kind == RUN_EVENT_TIMEOUT;
    if (cancels && !open->run->cancelling && heirs_call_in(engine, open, err) < 0) {
        return -1;
    }
    size_t before = open->changes.actions.count;
    bool withdraws = false;
    run_apply(open->run, event, &open->changes);
    for (size_t i = before; i < open->changes.actions.count; i++) {
        struct run_action action = open->changes.actions.items[i]; /* acting may add more */
        withdraws = withdraws || action.kind == RUN_ACTION_WITHDRAW;
        if (act_on(engine, open, &action, err) < 0) {
            return -1;
        }
    }
    /* All at once: a run that is cancelled may have ten thousand. */
    return withdraws ? store_waits_withdraw(engine->options.store, open->run, engine_now(engine), err) : 0;
}

/* ---- rows ------------------------------------------------------------------------------------------- */

static const enum run_status mlflow_status[] = {
    [RUN_STATE_QUEUED] = RUN_STATUS_SCHEDULED,  [RUN_STATE_RUNNING] = RUN_STATUS_RUNNING,
    [RUN_STATE_WAITING] = RUN_STATUS_RUNNING,   [RUN_STATE_SUCCEEDED] = RUN_STATUS_FINISHED,
    [RUN_STATE_FAILED] = RUN_STATUS_FAILED,     [RUN_STATE_CANCELLED] = RUN_STATUS_KILLED,
};

enum run_status open_run_status(enum run_state state)
{
    return mlflow_status[state];
}

/* Running time stops while a run waits or is queued (docs/pipelines.md: timeout). */
static void count_running_time(struct open_run *open, int64_t now_ms)
{
    bool running = open->run->state == RUN_STATE_RUNNING;
    struct pipeline_run *row = &open->row;
    if (running && row->running_since_ms == 0) {
        row->running_since_ms = now_ms;
        open->deadline_ms =
            open->pipeline->timeout_ms == 0 ? 0 : now_ms + open->pipeline->timeout_ms - row->running_ms;
    } else if (!running && row->running_since_ms != 0) {
        row->running_ms += now_ms - row->running_since_ms;
        row->running_since_ms = 0;
        open->deadline_ms = 0;
    }
}

/* Tells the parent's step, unless it knows. */
static int tell_parent(struct engine *engine, struct open_run *open, struct err *err)
{
    struct open_run *parent = open->row.parent_run == NULL ? NULL : open_run_find(engine, open->row.parent_run);
    if (parent == NULL) {
        return 0;
    }
    struct run_place place = {(size_t)open->row.parent_step, (size_t)open->row.parent_item};
    struct run_item *item = run_item_at(parent->run, place);
    enum run_state state = open->run->state;
    struct run_event event = {
        .place = place, .now_ms = engine_now(engine), .exit_code = -1, .reason = open->run->reason};
    if (state == RUN_STATE_WAITING && item->state == STEP_STATE_ACTIVE) {
        event.kind = RUN_EVENT_WAITING;
        event.reason = arena_printf(engine->turn, "%s waits", run_words(engine->turn, &open->row));
    } else if (state == RUN_STATE_RUNNING && item->state == STEP_STATE_WAITING) {
        event.kind = RUN_EVENT_WAIT_OVER;
    } else if (run_state_is_terminal(state)) {
        event.kind = RUN_EVENT_ENDED;
        event.ended = state == RUN_STATE_SUCCEEDED   ? ATTEMPT_STATE_SUCCEEDED
                      : state == RUN_STATE_CANCELLED ? ATTEMPT_STATE_CANCELLED
                                                     : ATTEMPT_STATE_FAILED;
        event.refused = open->run->verdict == VERDICT_REFUSED;
        struct run_context context = {.run = open->run, .step = SIZE_MAX, .arena = parent->run->arena};
        struct expr_env env = run_context_env(&context);
        for (size_t i = 0; event.ended == ATTEMPT_STATE_SUCCEEDED && i < open->pipeline->output_count; i++) {
            const struct named_template *output = &open->pipeline->outputs[i];
            struct json value;
            struct err wrong = {0};
            if (template_eval(&output->value, &env, parent->run->arena, &value, &wrong) < 0) {
                event.ended = ATTEMPT_STATE_FAILED;
                event.reason = arena_printf(engine->turn, "output '%.*s': %s", STR_ARG(output->name), wrong.message);
                break;
            }
            json_set(parent->run->arena, &item->outputs, arena_str(parent->run->arena, output->name).p,
                     json_copy(parent->run->arena, &value));
        }
        if (open->run->verdict == VERDICT_REFUSED && event.ended == ATTEMPT_STATE_SUCCEEDED) {
            item->refused_by = arena_printf(parent->run->arena, "%s was refused", run_words(engine->turn, &open->row));
        }
        item->gate_passed = open->run->verdict == VERDICT_PASSED;
    } else {
        return 0;
    }
    return open_run_apply(engine, parent, &event, err);
}

void open_run_follow(struct engine *engine, struct open_run *open)
{
    struct pipeline_run *row = &open->row;
    int64_t now_ms = engine_now(engine);
    row->state = open->run->state;
    row->reason = open->run->reason;
    row->verdict = open->run->verdict;
    row->cancelling = open->run->cancelling ? open->run->cancel_reason : NULL;
    row->timed_out = open->run->timed_out;
    count_running_time(open, now_ms);
    row->ended_ms = run_state_is_terminal(row->state) ? now_ms : 0;
}

void open_run_written(struct open_run *open)
{
    struct run_changes *changes = &open->changes;
    changes->items.count = changes->steps.count = changes->actions.count = 0;
    changes->run = open->row_dirty = open->journal_dirty = false;
}

static int run_row_persist(struct engine *engine, struct open_run *open, struct err *err)
{
    struct pipeline_run *row = &open->row;
    enum run_state before = row->state;
    open_run_follow(engine, open);
    bool ended = run_state_is_terminal(row->state);
    if (store_pipeline_run_update(engine->options.store, row, err) < 0 ||
        store_run_update(engine->options.store, row->run_id, mlflow_status[row->state], row->ended_ms, err) < 0) {
        return -1;
    }
    const char *verdict = row->verdict == VERDICT_NONE ? "" : verdict_name(row->verdict);
    if (ended &&
        (store_run_tag(engine->options.store, row->run_id, "sluice.verdict", verdict_name(row->verdict), err) < 0 ||
         engine_note(
             engine, "sluice", "run.ended", run_words(engine->turn, row), row->run_id, run_state_name(before),
             arena_printf(engine->turn, "%s%s%s", run_state_name(row->state), *verdict == '\0' ? "" : ", ", verdict),
             row->reason, "", err) < 0 ||
         firing_ended(engine, row, err) < 0)) {
        return -1;
    }
    return tell_parent(engine, open, err);
}

int open_run_persist(struct engine *engine, struct open_run *open, struct err *err)
{
    struct store *store = engine->options.store;
    struct run_changes *changes = &open->changes;
    for (size_t i = 0; i < changes->items.count; i++) {
        if (store_item_put(store, open->run, changes->items.items[i], err) < 0) {
            return -1;
        }
    }
    if (targets_drop_ended(engine, open, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < changes->steps.count; i++) {
        if (store_step_put(store, open->run, changes->steps.items[i], err) < 0 ||
            telling_step(engine, open, changes->steps.items[i], err) < 0) {
            return -1;
        }
    }
    if ((changes->run || open->row_dirty) && run_row_persist(engine, open, err) < 0) {
        return -1;
    }
    if (open->journal_dirty && store_pipeline_run_offset(store, open->row.run_id, open->row.journal_offset,
                                                         open->row.journal_sequence, err) < 0) {
        return -1;
    }
    open_run_written(open);
    return 0;
}
