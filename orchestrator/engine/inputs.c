/* SPDX-License-Identifier: Apache-2.0
 * What a step reads: paths, models, artifacts of runs. Resolved once per run and pinned there, so that an alias that
 * moves half-way changes nothing (docs/pipelines.md, "Files between steps").
 */
#include "base/fs.h"
#include "base/path.h"
#include "engine/engine_internal.h"
#include "store/runs.h"

struct resolved {
    const char *kind; /* "path", "model", "run" */
    const char *path; /* NULL: absent and optional */
    const char *uri;
};

/* "last:STEP.NAME": the artifact NAME of STEP in this pipeline's last succeeded run. */
static int resolve_last(struct engine *engine, struct open_run *open, struct str rest, struct arena *arena,
                        struct resolved *ret, struct err *err)
{
    ptrdiff_t dot = str_find_byte(rest, '.', 0);
    if (dot <= 0) {
        return err_set(err, ERR_INPUT, "'last:%.*s': expected last:STEP.NAME", STR_ARG(rest));
    }
    struct str step = str_slice(rest, 0, (size_t)dot);
    struct str name = str_slice(rest, (size_t)dot + 1, rest.n);
    struct pipeline_run_filter filter = {
        .pipeline = open->row.pipeline, .state = "succeeded", .no_replays = true, .limit = 1};
    struct pipeline_run *rows = NULL;
    size_t count = 0;
    ptrdiff_t index = pipeline_find_step(open->pipeline, step);
    if (store_pipeline_run_list(engine->options.store, &filter, arena, &rows, &count, err) < 0) {
        return -1;
    }
    if (count == 0 || index < 0) {
        return 0;
    }
    struct json artifacts = json_null();
    int result =
        store_step_artifacts(engine->options.store, rows[0].run_id, arena_str(arena, step).p, arena, &artifacts, err);
    const struct json *path = json_get_str(&artifacts, name);
    if (path != NULL && path->type == JSON_STRING) {
        ret->kind = "run";
        ret->path = path->u.string.p;
    }
    return result;
}

/* "runs:/RUN_ID/path/below/its/artifacts". */
static int resolve_run(struct engine *engine, struct str rest, struct arena *arena, struct resolved *ret,
                       struct err *err)
{
    ptrdiff_t slash = str_find_byte(rest, '/', 0);
    struct str id = slash < 0 ? rest : str_slice(rest, 0, (size_t)slash);
    struct str below = slash < 0 ? STR("") : str_slice(rest, (size_t)slash + 1, rest.n);
    struct run_info info;
    if (store_run_get(engine->options.store, arena_str(arena, id).p, arena, &info, err) < 0) {
        return -1;
    }
    if (below.n > 0 && !path_is_below(below)) {
        return err_set(err, ERR_INPUT, "'runs:/%.*s': the path must stay below the run's artifacts", STR_ARG(rest));
    }
    ret->kind = "run";
    ret->path = below.n == 0 ? info.artifact_uri : path_join(arena, info.artifact_uri, arena_str(arena, below).p);
    if (!fs_exists(ret->path)) {
        ret->path = NULL;
    }
    return 0;
}

static int resolve(struct engine *engine, struct open_run *open, const char *source, struct arena *arena,
                   struct resolved *ret, struct err *err)
{
    struct str text = str_from(source);
    *ret = (struct resolved){.kind = "path", .uri = source};
    if (str_starts(text, STR("models:/")) || (str_starts(text, STR("m-")) && text.n == 34)) {
        struct model_ref model;
        int found = model_resolve(engine, source, arena, &model, err);
        ret->kind = "model";
        ret->path = found == 1 ? model.path : NULL;
        ret->uri = found == 1 && model.model_id != NULL ? arena_printf(arena, "models:/%s", model.model_id) : source;
        return found < 0 ? -1 : 0;
    }
    if (str_starts(text, STR("runs:/"))) {
        return resolve_run(engine, str_slice(text, strlen("runs:/"), text.n), arena, ret, err);
    }
    if (str_starts(text, STR("last:"))) {
        return resolve_last(engine, open, str_slice(text, strlen("last:"), text.n), arena, ret, err);
    }
    ret->path = path_join(arena, open->row.workspace, source);
    if (!fs_exists(ret->path)) {
        ret->path = NULL;
    }
    return 0;
}

/* Models and runs are looked up once per run; what was found stands in the run's row from then on. */
static int resolve_pinned(struct engine *engine, struct open_run *open, const char *source, struct arena *arena,
                          struct resolved *ret, struct err *err)
{
    const struct json *pins = json_get(&open->contexts, "pins");
    const struct json *pin = json_get(pins, source);
    if (pin != NULL) {
        ret->kind = json_get_text(pin, "kind", "path");
        ret->path = json_get_text(pin, "path", NULL);
        ret->uri = json_get_text(pin, "uri", source);
        return 0;
    }
    if (resolve(engine, open, source, arena, ret, err) < 0) {
        return -1;
    }
    if (strcmp(ret->kind, "path") == 0) {
        return 0;
    }
    struct arena *keep = open->run->arena;
    struct json wider = pins == NULL ? json_object() : *pins;
    struct json entry = json_object();
    json_set(keep, &entry, "kind", json_cstring(keep, ret->kind));
    if (ret->path != NULL) {
        json_set(keep, &entry, "path", json_cstring(keep, ret->path));
    }
    json_set(keep, &entry, "uri", json_cstring(keep, ret->uri));
    json_set(keep, &wider, arena_strdup(keep, source), entry);
    json_set(keep, &open->contexts, "pins", wider);
    open->row.contexts = json_text(keep, &open->contexts).p;
    open->row_dirty = true;
    return 0;
}

static int eval_optional_text(const struct template *template, const struct expr_env *env, struct arena *arena,
                              const char **ret, struct err *err)
{
    struct json value;
    if (template_eval(template, env, arena, &value, err) < 0) {
        return -1;
    }
    *ret = value.type == JSON_STRING ? value.u.string.p : NULL;
    return 0;
}

int inputs_resolve(struct engine *engine, struct open_run *open, struct run_place place, const struct expr_env *env,
                   struct arena *arena, struct json *ret_list, struct json *ret_paths, struct err *err)
{
    const struct step *step = run_step_at(open->run, place);
    *ret_list = json_array();
    *ret_paths = json_object();
    for (size_t i = 0; i < step->input_count; i++) {
        const struct step_input *input = &step->inputs[i];
        const char *name = arena_str(arena, input->name).p;
        const char *source = NULL;
        const char *dataset = NULL;
        const char *context = NULL;
        struct resolved found = {0};
        if (eval_optional_text(&input->source, env, arena, &source, err) < 0 ||
            eval_optional_text(&input->dataset, env, arena, &dataset, err) < 0 ||
            eval_optional_text(&input->context, env, arena, &context, err) < 0) {
            return err_add(err, "input '%s'", name);
        }
        if (source != NULL && resolve_pinned(engine, open, source, arena, &found, err) < 0) {
            return err_add(err, "input '%s'", name);
        }
        if (found.path == NULL && !input->optional) {
            return err_set(err, ERR_NOT_FOUND, "input '%s': there is no '%s'", name, source == NULL ? "null" : source);
        }
        json_set(arena, ret_paths, name, found.path == NULL ? json_null() : json_cstring(arena, found.path));
        if (found.path == NULL) {
            continue;
        }
        struct json entry = json_object();
        json_set(arena, &entry, "name", json_cstring(arena, name));
        json_set(arena, &entry, "path", json_cstring(arena, found.path));
        json_set(arena, &entry, "kind", json_cstring(arena, found.kind));
        json_set(arena, &entry, "uri", json_cstring(arena, found.uri));
        json_set(arena, &entry, "optional", json_bool(input->optional));
        if (dataset != NULL) {
            json_set(arena, &entry, "dataset", json_cstring(arena, dataset));
        }
        if (context != NULL) {
            json_set(arena, &entry, "context", json_cstring(arena, context));
        }
        json_push(arena, ret_list, entry);
    }
    return 0;
}
