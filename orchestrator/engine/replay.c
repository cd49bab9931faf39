/* SPDX-License-Identifier: Apache-2.0
 * The run that replays a gate: what its steps start from.
 */
#include "engine/replay_run.h"

#include "base/fs.h"
#include "base/path.h"
#include "engine/replay_plan.h"
#include "engine/replay_subject.h"
#include "store/models.h"

enum { SCRIPT_MAX_BYTES = 1 << 20 };

/* A run as it stands in the store. */
struct earlier {
    struct pipeline_run row;
    struct run *run; /* NULL: there is none */
};

struct replay {
    struct engine *engine;
    const struct engine_replay *asked;
    const struct pipeline *pipeline;
    struct arena *arena;
    struct gate gate;
    struct earlier original, maker;
    struct replay_subject subject;
    struct replay_case about;
};

/* ---- the runs before --------------------------------------------------------------------------------------------- */

/* `pipeline` NULL: the definition that it had. */
static int load_run(const struct replay *r, const char *run_id, const struct pipeline *pipeline, struct earlier *ret,
                    struct err *err)
{
    struct run_options options = {0};
    if (store_pipeline_run_get(r->engine->options.store, run_id, r->arena, &ret->row, err) < 0) {
        return -1;
    }
    pipeline = pipeline != NULL ? pipeline : open_run_definition(r->engine, &ret->row, true, r->arena, err);
    if (pipeline == NULL) {
        return err_add(err, "the run that made %s", r->asked->version);
    }
    ret->run = run_new(pipeline, run_id, &options);
    return store_steps_load(r->engine->options.store, ret->run, err);
}

/* None of this pipeline may have made the other model, or it may be gone: the plan says whether it is missed. */
static int load_maker(struct replay *r, struct err *err)
{
    struct store *store = r->engine->options.store;
    struct logged_model model;
    const char *run_id = NULL;
    struct earlier found = {0};
    if (store_model_get(store, r->asked->model_id, r->arena, &model, err) < 0 ||
        (model.source_run_id != NULL &&
         store_gate_maker(store, model.source_run_id, r->arena, &run_id, err) < 0)) {
        return -1;
    }
    if (run_id == NULL) {
        return 0;
    }
    if (store_pipeline_run_get(store, run_id, r->arena, &found.row, err) < 0) {
        return -1;
    }
    return strcmp(found.row.pipeline, r->original.row.pipeline) == 0 ? load_run(r, run_id, NULL, &r->maker, err) : 0;
}

/* What cannot be told, such as what a file that it requires says, is taken for yes. */
static struct replay_script script_of(const struct replay *r, const struct step *step)
{
    struct str text = step->lua;
    if (step->kind != STEP_KIND_LUA) {
        return (struct replay_script){0};
    }
    if (step->lua_is_file) {
        const char *path = path_join(r->arena, r->original.row.folder, arena_str(r->arena, step->lua).p);
        struct err ignored = {0};
        if (fs_read(path, SCRIPT_MAX_BYTES, r->arena, &text, &ignored) < 0) {
            return (struct replay_script){true, true};
        }
    }
    bool more = str_find(text, STR("require")) >= 0;
    return (struct replay_script){more || str_find(text, STR("params")) >= 0,
                                  more || str_find(text, STR("steps")) >= 0};
}

/* Whose last attempt recorded the verdict. */
static const char *item_of(const struct replay *r, const struct run_step *step)
{
    for (size_t i = 0; i < step->item_count; i++) {
        const struct run_item *item = &step->items[i];
        if (item->key[0] != '\0' && item->step_run_id != NULL && strcmp(item->step_run_id, r->gate.step_run_id) == 0) {
            return arena_strdup(r->arena, item->key);
        }
    }
    return NULL;
}

static int load_case(struct replay *r, const struct pipeline_run *row, struct err *err)
{
    struct store *store = r->engine->options.store;
    if (store_gate_get(store, r->asked->gate, r->arena, &r->gate, err) < 0) {
        return -1;
    }
    const char *words = arena_printf(r->arena, "gate %lld", (long long)r->gate.id);
    ptrdiff_t at = pipeline_find_step(r->pipeline, str_from(r->gate.step));
    if (at < 0 || r->gate.model_id == NULL) {
        return err_set(err, ERR_STATE, "%s is not one of step '%s' of this pipeline, with a model", words,
                       r->gate.step);
    }
    if (load_run(r, r->gate.run_id, r->pipeline, &r->original, err) < 0) {
        return -1;
    }
    if (strcmp(r->original.row.definition, row->definition) != 0) {
        return err_set(err, ERR_STATE, "%s was judged by another definition than the one to replay it by", words);
    }
    if (load_maker(r, err) < 0 ||
        replay_subject_load(store, &r->gate, &r->original.row, r->arena, &r->subject, err) < 0) {
        return -1;
    }
    struct replay_script *scripts = arena_array(r->arena, r->pipeline->step_count, sizeof *scripts);
    for (size_t i = 0; i < r->pipeline->step_count; i++) {
        scripts[i] = script_of(r, &r->pipeline->steps[i]);
    }
    r->about = (struct replay_case){
        .pipeline = r->pipeline,
        .gate = (size_t)at,
        .item = item_of(r, &r->original.run->steps[at]),
        .original = r->original.run,
        .maker = r->maker.run,
        .judged = r->gate.model_id,
        .asked = r->asked->model_id,
        .pins = &r->subject.pins,
        .scripts = scripts,
        .words = words,
        .version = r->asked->version,
        .arena = r->arena,
    };
    r->about.params = replay_subject_params(&r->subject, &r->about.param_count);
    return 0;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static const char *missing_path(const struct json *value)
{
    if (value->type == JSON_STRING) {
        return fs_exists(value->u.string.p) ? NULL : value->u.string.p;
    }
    const char *missing = NULL;
    for (size_t i = 0; missing == NULL && value->type == JSON_ARRAY && i < value->u.array.count; i++) {
        missing = missing_path(&value->u.array.items[i]);
    }
    for (size_t i = 0; missing == NULL && value->type == JSON_OBJECT && i < value->u.object.count; i++) {
        missing = missing_path(&value->u.object.members[i].value);
    }
    return missing;
}

/* What a step left is read again: it must lie there still. */
static int check_files(const struct replay *r, size_t index, const struct earlier *from, const struct run_step *step,
                       struct err *err)
{
    char label[32];
    pipeline_run_label(&from->row, label);
    for (size_t i = 0; i < step->item_count; i++) {
        const char *missing = missing_path(&step->items[i].artifacts);
        if (missing != NULL) {
            return err_set(err, ERR_STATE,
                           "%s cannot be replayed on %s: what step '%.*s' of run %s/%s left is gone: there is no '%s'",
                           r->about.words, r->asked->version, STR_ARG(r->pipeline->steps[index].id),
                           from->row.pipeline, label, missing);
        }
    }
    return 0;
}

/* ---- carrying ---------------------------------------------------------------------------------------------------- */

/* The items that made the judged model are those of the other one, which left nothing else that is known. */
static void rename_model(const struct replay *r, struct run *run, size_t index, const char *label)
{
    struct run_step *step = &run->steps[index];
    for (size_t i = 0; i < step->item_count; i++) {
        struct run_item *item = &step->items[i];
        if (item->model_id != NULL && strcmp(item->model_id, r->about.judged) == 0) {
            item->model_id = arena_strdup(run->arena, r->asked->model_id);
            item->model_uri = arena_printf(run->arena, "models:/%s", r->asked->model_id);
            item->outputs = item->artifacts = item->metrics = json_object();
            item->carried_from = arena_printf(run->arena, "%s, as if it had made %s", label, r->asked->version);
        }
    }
}

static int carry_step(const struct replay *r, const struct replay_step *planned, size_t index, struct run *run,
                      struct err *err)
{
    bool of_maker = planned->way == REPLAY_OF_MAKER;
    const struct earlier *from = of_maker ? &r->maker : &r->original;
    const struct run_step *step = of_maker ? replay_step_of_maker(&r->about, index) : &from->run->steps[index];
    char label[32];
    pipeline_run_label(&from->row, label);
    if (planned->read && planned->way != REPLAY_RENAMED && check_files(r, index, from, step, err) < 0) {
        return -1;
    }
    run_carry(run, index, step, label);
    if (planned->way == REPLAY_RENAMED) {
        rename_model(r, run, index, label);
    }
    return 0;
}

static int carry_all(const struct replay *r, struct run *run, struct err *err)
{
    const struct replay_step *steps = NULL;
    if (replay_plan(&r->about, &steps, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < r->pipeline->step_count; i++) {
        bool carried = steps[i].way != REPLAY_LEFT_OUT && steps[i].way != REPLAY_RUNS;
        if (carried && carry_step(r, &steps[i], i, run, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- its row ----------------------------------------------------------------------------------------------------- */

/* What the gate's run had pinned, but for what was the judged model. */
static struct json pins_of(const struct replay *r, const struct logged_model *asked)
{
    const struct json *pins = &r->subject.pins;
    struct json kept = json_object();
    for (size_t i = 0; pins->type == JSON_OBJECT && i < pins->u.object.count; i++) {
        const struct json_member *pin = &pins->u.object.members[i];
        struct json value = json_copy(r->arena, &pin->value);
        if (replay_pin_is_of(pins, pin->key.p, r->about.judged, r->arena)) {
            json_set(r->arena, &value, "path", json_cstring(r->arena, asked->artifact_uri));
            json_set(r->arena, &value, "uri",
                     json_cstring(r->arena, arena_printf(r->arena, "models:/%s", asked->model_id)));
        }
        json_add(r->arena, &kept, pin->key.p, value);
    }
    return kept;
}

static int write_contexts(const struct replay *r, struct pipeline_run *row, struct err *err)
{
    struct arena *arena = r->arena;
    struct json contexts, before;
    struct json replay = json_object();
    struct logged_model asked;
    if (json_read(str_from(row->contexts), (struct json_limits){0}, arena, &contexts, err) < 0 ||
        json_read(str_from(r->original.row.contexts), (struct json_limits){0}, arena, &before, err) < 0 ||
        store_model_get(r->engine->options.store, r->asked->model_id, arena, &asked, err) < 0) {
        return -1;
    }
    json_set(arena, &replay, "gate", json_int(r->gate.id));
    json_set(arena, &replay, "run", json_cstring(arena, r->gate.run_id));
    json_set(arena, &replay, "version", json_cstring(arena, r->asked->version));
    json_set(arena, &replay, "model_id", json_cstring(arena, r->asked->model_id));
    if (r->about.item != NULL) {
        json_set(arena, &replay, "step", json_cstring(arena, r->gate.step));
        json_set(arena, &replay, "item", json_cstring(arena, r->about.item));
    }
    if (r->maker.run != NULL) {
        json_set(arena, &replay, "made_by", json_cstring(arena, r->maker.row.run_id));
    }
    json_set(arena, &replay, "champion_now", json_bool(r->asked->champion_now));
    json_set(arena, &replay, "other_data", json_bool(r->asked->other_data));
    json_set(arena, &contexts, "replay", replay);
    json_set(arena, &contexts, "pins", pins_of(r, &asked));
    const struct json *scheduled_for = json_get(&before, "scheduled_for");
    if (scheduled_for != NULL) {
        json_set(arena, &contexts, "scheduled_for", *scheduled_for);
    }
    row->contexts = json_text(arena, &contexts).p;
    return 0;
}

int replay_carry(struct engine *engine, const struct engine_replay *asked, struct run *run, struct pipeline_run *row,
                 struct err *err)
{
    struct replay r = {.engine = engine, .asked = asked, .pipeline = run->pipeline, .arena = engine->turn};
    int result = load_case(&r, row, err) < 0 || carry_all(&r, run, err) < 0 ? -1 : write_contexts(&r, row, err);
    run_free(r.original.run);
    run_free(r.maker.run);
    return result;
}

const struct json *replay_of(const struct open_run *open)
{
    const struct json *replay = json_get(&open->contexts, "replay");
    return replay != NULL && replay->type == JSON_OBJECT ? replay : NULL;
}

int replay_note(struct engine *engine, const struct engine_submission *submission, const struct pipeline_run *row,
                struct err *err)
{
    const struct engine_replay *replay = submission->replay;
    struct arena *arena = engine->turn;
    const char *leave = arena_printf(arena, "compared with the champion of %s%s", replay->champion_now ? "now" : "then",
                                     replay->other_data ? "; other data is allowed" : "");
    return engine_note(engine, submission->actor, "gate.replayed",
                       arena_printf(arena, "gate %lld", (long long)replay->gate), row->run_id, "", replay->version,
                       leave, "", err) < 0
               ? -1
               : store_run_tag(engine->options.store, row->run_id, "sluice.replay_of",
                               arena_printf(arena, "%lld", (long long)replay->gate), err);
}
