/* SPDX-License-Identifier: Apache-2.0 */
#include "view/run_view.h"

#include "base/parse.h"
#include "store/store.h"
#include "view/reason_words.h"
#include "view/wait_words.h"

int run_view_load_attempts(struct store *store, struct run_view *view, struct err *err)
{
    return store_attempt_list(store, view->row.run_id, view->arena, &view->attempts, &view->attempt_count, err);
}

int run_view_load(struct store *store, struct catalogue *plugins, const char *run_id, struct run_view *ret_view,
                  struct err *err)
{
    if (run_view_load_steps(store, plugins, run_id, ret_view, err) < 0) {
        return -1;
    }
    if (run_view_load_attempts(store, ret_view, err) < 0) {
        run_view_clear(ret_view);
        return -1;
    }
    return 0;
}

int run_view_load_steps(struct store *store, struct catalogue *plugins, const char *run_id, struct run_view *ret_view,
                        struct err *err)
{
    struct run_view view = {.arena = arena_new()};
    struct diags diags;
    if (store_pipeline_run_get(store, run_id, view.arena, &view.row, err) < 0) {
        goto fail;
    }
    diags_init(&diags, view.arena, view.row.file);
    if (store_definition_get(store, view.row.definition, view.arena, &diags.text, err) < 0) {
        goto fail;
    }
    struct pipeline_world world = {
        .plugins = plugins, .folder = view.row.folder, .root = view.row.workspace, .accepted = true};
    view.pipeline = pipeline_load(&diags, &world);
    if (view.pipeline == NULL) {
        (void)err_set(err, ERR_STATE, "the definition of this run cannot be read by this version: line %d: %s",
                      diags.count > 0 ? diags.items[0].pos.line : 0,
                      diags.count > 0 ? diags.items[0].message : "unknown");
        goto fail;
    }
    struct run_options options = {0};
    view.run = run_new(view.pipeline, run_id, &options);
    if (store_steps_load(store, view.run, err) < 0) {
        goto fail;
    }
    view.run->state = view.row.state;
    view.run->reason = view.row.reason;
    wait_words_fill(store, view.run);
    pipeline_run_label(&view.row, view.label);
    *ret_view = view;
    return 0;
fail:
    run_view_clear(&view);
    return -1;
}

void run_view_clear(struct run_view *view)
{
    run_free(view->run);
    arena_free(view->arena);
    *view = (struct run_view){0};
}

const struct attempt_row *run_view_attempt(const struct run_view *view, struct run_place place)
{
    for (size_t i = view->attempt_count; i > 0; i--) {
        const struct attempt_row *attempt = &view->attempts[i - 1];
        if ((size_t)attempt->position == place.step && (size_t)attempt->item == place.item) {
            return attempt;
        }
    }
    return NULL;
}

static struct json time_or_null(struct arena *arena, int64_t ms)
{
    char text[40];
    if (ms == 0) {
        return json_null();
    }
    format_time(text, sizeof text, ms);
    return json_cstring(arena, text);
}

static struct json text_or_null(struct arena *arena, const char *text)
{
    return text == NULL ? json_null() : json_cstring(arena, text);
}

static struct json depends_json(const struct run_view *view, size_t step, struct arena *arena)
{
    struct json depends = json_array();
    const struct step *definition = &view->pipeline->steps[step];
    for (size_t n = 0; n < definition->need_count; n++) {
        json_push(arena, &depends, json_string(arena, view->pipeline->steps[definition->needs[n].step].id));
    }
    return depends;
}

static struct json item_json(const struct run_view *view, struct run_place place, const struct run_item *item,
                             struct arena *arena)
{
    struct json step = json_object();
    const struct run_step *whole = &view->run->steps[place.step];
    bool matrix = view->pipeline->steps[place.step].matrix != NULL && item != NULL;
    enum step_state state = item != NULL ? item->state : whole->state;
    json_set(arena, &step, "id", json_string(arena, view->pipeline->steps[place.step].id));
    json_set(arena, &step, "item", matrix ? json_cstring(arena, item->key) : json_null());
    json_set(arena, &step, "matrix", matrix ? item->matrix : json_null());
    json_set(arena, &step, "depends", depends_json(view, place.step, arena));
    json_set(arena, &step, "attempt", json_int(item == NULL ? 0 : item->attempts));
    json_set(arena, &step, "status", json_cstring(arena, step_state_name(state)));
    /* "1 of 3 items failed" is no reason of the two that did not. */
    bool own = item != NULL && (item->reason != NULL || (matrix && state == STEP_STATE_SUCCEEDED));
    const char *reason = own ? item->reason : whole->reason;
    if (item != NULL && item->carried_from != NULL) {
        reason = reason_carried(arena, view->pipeline, place.step, item);
    }
    json_set(arena, &step, "reason", text_or_null(arena, reason));
    json_set(arena, &step, "run_id", text_or_null(arena, item == NULL ? NULL : item->step_run_id));
    json_set(arena, &step, "model_id", text_or_null(arena, item == NULL ? NULL : item->model_id));
    json_set(arena, &step, "outputs", item == NULL ? json_object() : item->outputs);
    json_set(arena, &step, "artifacts", item == NULL ? json_object() : item->artifacts);
    json_set(arena, &step, "metrics", item == NULL ? json_object() : item->metrics);
    json_set(arena, &step, "started_at", time_or_null(arena, item == NULL ? 0 : item->started_ms));
    json_set(arena, &step, "ended_at", time_or_null(arena, item == NULL ? 0 : item->ended_ms));
    const struct attempt_row *attempt = item == NULL ? NULL : run_view_attempt(view, place);
    struct json usage = json_null();
    if (attempt != NULL && attempt->exit != NULL) {
        (void)json_read(str_from(attempt->exit), (struct json_limits){0}, arena, &usage, NULL);
    }
    json_set(arena, &step, "exit", usage);
    return step;
}

struct json run_view_json(const struct run_view *view, struct arena *arena)
{
    struct json object = json_object();
    struct json steps = json_array();
    struct json params = json_object();
    (void)json_read(str_from(view->row.params), (struct json_limits){0}, arena, &params, NULL);
    json_set(arena, &object, "schema_version", json_int(1));
    json_set(arena, &object, "run_id", json_cstring(arena, view->row.run_id));
    json_set(arena, &object, "pipeline", json_cstring(arena, view->row.pipeline));
    json_set(arena, &object, "number", json_cstring(arena, view->label));
    json_set(arena, &object, "status", json_cstring(arena, run_state_name(view->row.state)));
    json_set(arena, &object, "verdict", json_cstring(arena, verdict_name(view->row.verdict)));
    json_set(arena, &object, "reason", text_or_null(arena, view->row.reason));
    json_set(arena, &object, "params", params);
    json_set(arena, &object, "started_at", time_or_null(arena, view->row.started_ms));
    json_set(arena, &object, "ended_at", time_or_null(arena, view->row.ended_ms));
    for (size_t i = 0; i < view->pipeline->step_count; i++) {
        const struct run_step *step = &view->run->steps[i];
        for (size_t k = 0; k < step->item_count; k++) {
            json_push(arena, &steps, item_json(view, (struct run_place){i, k}, &step->items[k], arena));
        }
        if (step->item_count == 0) {
            json_push(arena, &steps, item_json(view, (struct run_place){i, 0}, NULL, arena));
        }
    }
    json_set(arena, &object, "steps", steps);
    return object;
}
