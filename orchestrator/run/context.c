/* SPDX-License-Identifier: Apache-2.0
 * What expressions see: the contexts of an item, built from the run's state when asked for.
 */
#include "run/run.h"

static const struct json empty_object = {.type = JSON_OBJECT};

static struct json text_or_null(struct arena *arena, const char *text)
{
    return text == NULL ? json_null() : json_cstring(arena, text);
}

/* What the items have under one name, in their order, with null for the missing. */
static void gather(struct arena *arena, const struct run_step *step, struct json (*get)(const struct run_item *),
                   struct str key, struct json *lists)
{
    if (key.n == 0 || step->item_count == 0 || json_get_str(lists, key) != NULL) {
        return;
    }
    struct json list = json_array();
    for (size_t k = 0; k < step->item_count; k++) {
        struct json values = get(&step->items[k]);
        const struct json *value = json_get_str(&values, key);
        json_push(arena, &list, value == NULL ? json_null() : *value);
    }
    json_set(arena, lists, arena_str(arena, key).p, list);
}

/* The lists of all names that any item has set. */
static void gather_lists(struct arena *arena, const struct run_step *step, struct json (*get)(const struct run_item *),
                         struct json *lists)
{
    for (size_t i = 0; i < step->item_count; i++) {
        struct json values = get(&step->items[i]);
        for (size_t m = 0; m < values.u.object.count; m++) {
            gather(arena, step, get, values.u.object.members[m].key, lists);
        }
    }
}

static struct json item_outputs(const struct run_item *item)
{
    return item->outputs;
}

static struct json item_artifacts(const struct run_item *item)
{
    return item->artifacts;
}

static struct json item_metrics(const struct run_item *item)
{
    return item->metrics;
}

/* What the step or its plugin declares has a list even when no item left it. */
static void gather_declared(struct arena *arena, const struct run_step *step, const struct step *definition,
                            struct json *outputs, struct json *artifacts)
{
    size_t count = step_output_name_count(definition);
    for (size_t i = 0; i < count; i++) {
        gather(arena, step, item_outputs, step_output_name(definition, i), outputs);
    }
    for (size_t i = 0; i < definition->artifact_count; i++) {
        gather(arena, step, item_artifacts, definition->artifacts[i].name, artifacts);
    }
}

static struct json list_of_text(struct arena *arena, const struct run_step *step,
                                const char *(*get)(const struct run_item *))
{
    struct json list = json_array();
    for (size_t i = 0; i < step->item_count; i++) {
        json_push(arena, &list, text_or_null(arena, get(&step->items[i])));
    }
    return list;
}

static const char *item_run_id(const struct run_item *item)
{
    return item->step_run_id;
}

static const char *item_model_id(const struct run_item *item)
{
    return item->model_id;
}

static const char *item_model_uri(const struct run_item *item)
{
    return item->model_uri;
}

/* steps.<id>: its outputs also stand beside outputs, artifacts, metrics, status, run_id, model_id, model_uri; the
 * latter win. */
static struct json step_object(const struct run *run, size_t index, struct arena *arena)
{
    const struct run_step *step = &run->steps[index];
    bool matrix = run->pipeline->steps[index].matrix != NULL;
    const struct run_item *only = step->item_count > 0 ? &step->items[0] : NULL;
    struct json outputs = json_object();
    struct json artifacts = json_object();
    struct json metrics = json_object();
    if (matrix) {
        gather_lists(arena, step, item_outputs, &outputs);
        gather_lists(arena, step, item_artifacts, &artifacts);
        gather_lists(arena, step, item_metrics, &metrics);
        gather_declared(arena, step, &run->pipeline->steps[index], &outputs, &artifacts);
    } else if (only != NULL) {
        outputs = only->outputs;
        artifacts = only->artifacts;
        metrics = only->metrics;
    }
    struct json object = json_object();
    for (size_t i = 0; i < outputs.u.object.count; i++) {
        json_set(arena, &object, outputs.u.object.members[i].key.p, outputs.u.object.members[i].value);
    }
    json_set(arena, &object, "outputs", outputs);
    json_set(arena, &object, "artifacts", artifacts);
    json_set(arena, &object, "metrics", metrics);
    json_set(arena, &object, "status", json_cstring(arena, step_state_name(step->state)));
    if (matrix) {
        json_set(arena, &object, "run_id", list_of_text(arena, step, item_run_id));
        json_set(arena, &object, "model_id", list_of_text(arena, step, item_model_id));
        json_set(arena, &object, "model_uri", list_of_text(arena, step, item_model_uri));
        return object;
    }
    if (only != NULL && only->step_run_id != NULL) {
        json_set(arena, &object, "run_id", json_cstring(arena, only->step_run_id));
    }
    if (only != NULL && only->model_id != NULL) {
        json_set(arena, &object, "model_id", json_cstring(arena, only->model_id));
    }
    if (only != NULL && only->model_uri != NULL) {
        json_set(arena, &object, "model_uri", json_cstring(arena, only->model_uri));
    }
    return object;
}

static const struct json *keep(struct arena *arena, struct json value)
{
    struct json *kept = arena_one(arena, struct json);
    *kept = value;
    return kept;
}

/* As step_object has it of a step that leaves nothing. */
static struct json assumed_object(const struct run_assumption *assumed, struct arena *arena)
{
    static const char *const empty[] = {"outputs", "artifacts", "metrics"};
    struct json object = json_object();
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        json_set(arena, &object, empty[i], json_object());
    }
    json_set(arena, &object, "status", json_cstring(arena, step_state_name(STEP_STATE_SUCCEEDED)));
    json_set(arena, &object, "run_id", json_cstring(arena, assumed->step_run_id));
    return object;
}

static const struct json *context_step(struct run_context *context, struct str id)
{
    ptrdiff_t index = pipeline_find_step(context->run->pipeline, id);
    if (index >= 0 && context->assumed != NULL && context->assumed->step == (size_t)index) {
        return keep(context->arena, assumed_object(context->assumed, context->arena));
    }
    if (index < 0 || !step_state_is_terminal(context->run->steps[index].state)) {
        return NULL;
    }
    return keep(context->arena, step_object(context->run, (size_t)index, context->arena));
}

/* Which metrics a step leaves, and which outputs a pipeline, is not known before one of the items has left some: until
 * then every name is a list of nulls. */
static const struct json *context_absent(void *ctx, struct str id, struct str member)
{
    static const struct {
        const char *member;
        struct json (*get)(const struct run_item *);
    } undeclared[] = {{"outputs", item_outputs}, {"metrics", item_metrics}};
    struct run_context *context = ctx;
    const struct run *run = context->run;
    ptrdiff_t index = pipeline_find_step(run->pipeline, id);
    struct json list = json_array();
    for (size_t i = 0; i < sizeof undeclared / sizeof undeclared[0]; i++) {
        if (index < 0 || run->pipeline->steps[index].matrix == NULL || !str_is(member, undeclared[i].member)) {
            continue;
        }
        const struct run_step *step = &run->steps[index];
        for (size_t k = 0; k < step->item_count; k++) {
            if (undeclared[i].get(&step->items[k]).u.object.count > 0) {
                return NULL;
            }
            json_push(context->arena, &list, json_null());
        }
    }
    return list.u.array.count == 0 ? NULL : keep(context->arena, list);
}

static const struct json *context_value(void *ctx, struct str root, struct str member)
{
    struct run_context *context = ctx;
    const struct run *run = context->run;
    if (str_is(root, "steps")) {
        return context_step(context, member);
    }
    if (str_is(root, "matrix")) {
        return context->item == NULL || context->item->matrix.type == JSON_NULL ? NULL : &context->item->matrix;
    }
    const struct {
        const char *name;
        const struct json *value;
    } contexts[] = {
        {"params", &run->params},
        {"run", &run->info},
        {"git", &run->git},
        {"vars", &run->vars},
        {"secrets", context->secrets != NULL ? context->secrets : &run->secrets},
        {"inputs", context->inputs != NULL ? context->inputs : &empty_object},
        {"env", context->env != NULL ? context->env : &empty_object},
        {"step", context->step_info},
    };
    for (size_t i = 0; i < sizeof contexts / sizeof contexts[0]; i++) {
        if (str_is(root, contexts[i].name)) {
            return contexts[i].value;
        }
    }
    return NULL;
}

static int context_hash_files(void *ctx, const struct str *globs, size_t count, struct arena *arena, struct json *ret,
                              struct err *err)
{
    struct run_context *context = ctx;
    const struct run *run = context->run;
    if (run->hash_files == NULL || context->assumed != NULL) {
        return err_set(err, ERR_INPUT, "hashFiles is not available here");
    }
    return run->hash_files(run->hash_ctx, globs, count, arena, ret, err);
}

struct expr_env run_context_env(struct run_context *context)
{
    return (struct expr_env){
        .ctx = context,
        .context = context_value,
        .absent = context_absent,
        .hash_files = context_hash_files,
        .now_ms = json_get_int(&context->run->info, "started_ms", 0),
    };
}
