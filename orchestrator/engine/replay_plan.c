/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/replay_plan.h"

#include "plugin/catalogue.h"

/* What a step reads of those it needs, in the order of its needs. */
struct reading {
    bool *named; /* it reads something of the step */
    bool *more;  /* beside the name of its model */
    bool model;  /* it reads what names the judged model: a param, an input */
};

struct planning {
    const struct replay_case *about;
    struct reading *readings; /* of those that the gate needs */
    bool *depends;            /* what it leaves depends on the judged model */
    bool *made;               /* it made that model */
    bool *more;               /* a step that runs reads more of it than the name of its model */
    struct replay_step *steps;
};

/* ---- what a step reads ------------------------------------------------------------------------------------------- */

struct looking {
    const struct replay_case *about;
    const struct step *step;
    struct reading *reading;
};

static bool is_subject_param(const struct replay_case *about, struct str name)
{
    for (size_t i = 0; i < about->param_count; i++) {
        if (str_eq(about->params[i], name)) {
            return true;
        }
    }
    return false;
}

/* A member that only evaluation tells may be any. */
static void take_path(void *ctx, struct str root, const struct str *members, size_t count, const struct expr *at)
{
    struct looking *l = ctx;
    (void)at;
    if (str_is(root, "params") && l->about->param_count > 0) {
        l->reading->model = l->reading->model || count == 0 || is_subject_param(l->about, members[0]);
    }
    for (size_t n = 0; str_is(root, "steps") && n < l->step->need_count; n++) {
        const struct step *need = &l->about->pipeline->steps[l->step->needs[n].step];
        if (count == 0 || str_eq(members[0], need->id)) {
            bool name = count > 1 && (str_is(members[1], "model_id") || str_is(members[1], "model_uri"));
            l->reading->named[n] = true;
            l->reading->more[n] = l->reading->more[n] || !name;
        }
    }
}

static void walk_matrix(const struct matrix *matrix, const struct expr_visitor *visitor)
{
    if (matrix->dynamic != NULL) {
        expr_walk(matrix->dynamic, visitor);
        return;
    }
    for (size_t i = 0; i < matrix->axis_count; i++) {
        for (size_t k = 0; k < matrix->axes[i].count; k++) {
            template_tree_walk(&matrix->axes[i].values[k], visitor);
        }
    }
    for (size_t i = 0; i < matrix->include_count; i++) {
        template_tree_walk(&matrix->include[i], visitor);
    }
}

bool replay_pin_is_of(const struct json *pins, const char *source, const char *model_id, struct arena *arena)
{
    const struct json *pin = json_get(pins, source);
    return pin != NULL && strcmp(json_get_text(pin, "uri", ""), arena_printf(arena, "models:/%s", model_id)) == 0;
}

/* An input that names a model by a fixed text, such as an alias, was what the run has pinned. */
static bool has_pinned_input(const struct replay_case *about, const struct step *step)
{
    for (size_t i = 0; i < step->input_count; i++) {
        const struct template *source = &step->inputs[i].source;
        if (template_is_plain(source) && source->plain.type == JSON_STRING &&
            replay_pin_is_of(about->pins, source->plain.u.string.p, about->judged, about->arena)) {
            return true;
        }
    }
    return false;
}

static struct reading read_step(const struct replay_case *about, size_t index)
{
    const struct step *step = &about->pipeline->steps[index];
    struct reading reading = {
        .named = arena_array(about->arena, step->need_count, sizeof *reading.named),
        .more = arena_array(about->arena, step->need_count, sizeof *reading.more),
    };
    struct looking looking = {about, step, &reading};
    const struct expr_visitor visitor = {.ctx = &looking, .path = take_path};
    pipeline_walk_step(about->pipeline, step, &visitor);
    if (step->condition != NULL) {
        expr_walk(step->condition, &visitor);
    }
    if (step->matrix != NULL) {
        walk_matrix(step->matrix, &visitor);
    }
    for (size_t n = 0; about->scripts[index].steps && n < step->need_count; n++) {
        reading.named[n] = reading.more[n] = true;
    }
    reading.model = reading.model || (about->scripts[index].params && about->param_count > 0) ||
                    has_pinned_input(about, step);
    return reading;
}

static bool has_model(const struct run_step *step, const char *model_id)
{
    for (size_t i = 0; i < step->item_count; i++) {
        if (step->items[i].model_id != NULL && strcmp(step->items[i].model_id, model_id) == 0) {
            return true;
        }
    }
    return false;
}

static void look_at(struct planning *p, size_t index)
{
    const struct replay_case *about = p->about;
    const struct step *step = &about->pipeline->steps[index];
    struct reading reading = read_step(about, index);
    p->readings[index] = reading;
    p->made[index] = index != about->gate && has_model(&about->original->steps[index], about->judged);
    p->depends[index] = p->made[index] || reading.model;
    for (size_t n = 0; n < step->need_count; n++) {
        p->depends[index] = p->depends[index] || (reading.named[n] && p->depends[step->needs[n].step]);
    }
}

/* ---- what it does ------------------------------------------------------------------------------------------------ */

const struct run_step *replay_step_of_maker(const struct replay_case *about, size_t step)
{
    const struct run *maker = about->maker;
    ptrdiff_t at = maker == NULL ? -1 : pipeline_find_step(maker->pipeline, about->pipeline->steps[step].id);
    return at < 0 || maker->steps[at].state != STEP_STATE_SUCCEEDED ? NULL : &maker->steps[at];
}

/* What it leaves follows from what it reads, and it changes nothing else. */
static bool may_run(const struct step *step)
{
    return step->kind == STEP_KIND_RUN || step->kind == STEP_KIND_LUA ||
           (step->kind == STEP_KIND_USES && step->plugin != NULL && step->plugin->cacheable && !step->plugin->gate);
}

static int no_maker(const struct replay_case *about, size_t step, const char *what, struct err *err)
{
    return err_set(err, ERR_STATE,
                   "%s cannot be replayed on %s: step '%.*s' %s, and there is no run of pipeline '%.*s' in this home "
                   "that made %s and in which that step succeeded",
                   about->words, about->version, STR_ARG(about->pipeline->steps[step].id), what,
                   STR_ARG(about->pipeline->name), about->version);
}

static int decide_read(struct planning *p, size_t index, enum replay_way *ret, struct err *err)
{
    const struct replay_case *about = p->about;
    const struct run_step *other = replay_step_of_maker(about, index);
    if (!p->depends[index]) {
        *ret = REPLAY_AS_IT_WAS;
    } else if (p->made[index] && other != NULL && has_model(other, about->asked)) {
        *ret = REPLAY_OF_MAKER;
    } else if (p->made[index] && !p->more[index]) {
        *ret = REPLAY_RENAMED;
    } else if (p->made[index]) {
        return no_maker(about, index, "made the model, and more of it is read than the model", err);
    } else if (may_run(&about->pipeline->steps[index])) {
        *ret = REPLAY_RUNS;
    } else if (other != NULL) {
        *ret = REPLAY_OF_MAKER;
    } else {
        return no_maker(about, index, "stands between the model and the gate, and is not repeated alone", err);
    }
    return 0;
}

/* Only waited for. */
static enum replay_way decide_unread(const struct planning *p, size_t index)
{
    return p->depends[index] && replay_step_of_maker(p->about, index) != NULL ? REPLAY_OF_MAKER
           : p->made[index]                                                   ? REPLAY_RENAMED
                                                                              : REPLAY_AS_IT_WAS;
}

static int check_ended(const struct planning *p, size_t index, struct err *err)
{
    const struct run_step *step = &p->about->original->steps[index];
    return step_state_is_terminal(step->state)
               ? 0
               : err_set(err, ERR_STATE, "%s cannot be replayed yet: step '%.*s' of its run is %s", p->about->words,
                         STR_ARG(p->about->pipeline->steps[index].id), step_state_name(step->state));
}

static int decide(struct planning *p, size_t index, struct err *err)
{
    const struct step *step = &p->about->pipeline->steps[index];
    struct replay_step *out = &p->steps[index];
    out->way = REPLAY_RUNS;
    if (index != p->about->gate && out->read && decide_read(p, index, &out->way, err) < 0) {
        return -1;
    }
    if (index != p->about->gate && !out->read) {
        out->way = decide_unread(p, index);
    }
    if ((out->way == REPLAY_AS_IT_WAS || out->way == REPLAY_RENAMED) && check_ended(p, index, err) < 0) {
        return -1;
    }
    for (size_t n = 0; out->way == REPLAY_RUNS && n < step->need_count; n++) {
        size_t need = step->needs[n].step;
        p->steps[need].read = p->steps[need].read || p->readings[index].named[n];
        p->more[need] = p->more[need] || p->readings[index].more[n];
    }
    return 0;
}

static void mark_needed(const struct pipeline *pipeline, const size_t *order, size_t gate, bool *needed)
{
    needed[gate] = true;
    for (size_t i = pipeline->step_count; i > 0; i--) {
        const struct step *step = &pipeline->steps[order[i - 1]];
        for (size_t n = 0; needed[order[i - 1]] && n < step->need_count; n++) {
            needed[step->needs[n].step] = true;
        }
    }
}

static int check_gate(const struct planning *p, struct err *err)
{
    const struct replay_case *about = p->about;
    const struct step *step = &about->pipeline->steps[about->gate];
    if (step->matrix != NULL && about->item == NULL) {
        return err_set(err, ERR_STATE,
                       "%s cannot be replayed: its step '%.*s' is a matrix, and which of its items judged is not known",
                       about->words, STR_ARG(step->id));
    }
    if (!p->depends[about->gate]) {
        return err_set(err, ERR_STATE,
                       "%s cannot be replayed: nothing that its step '%.*s' reads by an expression comes from the "
                       "model that it judged, so it would say the same of any other",
                       about->words, STR_ARG(step->id));
    }
    return 0;
}

int replay_plan(const struct replay_case *about, const struct replay_step **ret, struct err *err)
{
    const struct pipeline *pipeline = about->pipeline;
    const size_t count = pipeline->step_count;
    const size_t *order = pipeline_order(pipeline, about->arena);
    bool *needed = arena_array(about->arena, count, sizeof *needed);
    struct planning p = {
        .about = about,
        .readings = arena_array(about->arena, count, sizeof *p.readings),
        .depends = arena_array(about->arena, count, sizeof *p.depends),
        .made = arena_array(about->arena, count, sizeof *p.made),
        .more = arena_array(about->arena, count, sizeof *p.more),
        .steps = arena_array(about->arena, count, sizeof *p.steps),
    };
    mark_needed(pipeline, order, about->gate, needed);
    for (size_t i = 0; i < count; i++) {
        if (needed[order[i]]) {
            look_at(&p, order[i]);
        }
    }
    if (check_gate(&p, err) < 0) {
        return -1;
    }
    for (size_t i = count; i > 0; i--) {
        if (needed[order[i - 1]] && decide(&p, order[i - 1], err) < 0) {
            return -1;
        }
    }
    *ret = p.steps;
    return 0;
}
