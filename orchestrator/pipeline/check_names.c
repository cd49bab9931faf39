/* SPDX-License-Identifier: Apache-2.0
 * Every expression of the file, each in its place; and the order of the steps, which follows from `needs` and from what
 * expressions name.
 *
 * A step that is named accepts a skipped one when it is written `x?`, or when every expression that names it stands
 * beside a `??` or only asks for its status. What `needs` says wins.
 */
#include "pipeline/check_expr.h"

#include <strings.h>

/* The edges of one step while they are gathered; its room, and `slots`, which has a place for every step of the file,
 * are used anew for each. */
struct need_list {
    struct arena *arena; /* the loader's scratch */
    struct step_need *items;
    size_t count;
    size_t room;
    size_t *slots; /* position in items + 1, valid when items[...].step is the step */
};

struct names_check {
    struct loader *loader;
    struct expr_check expr;
    struct need_list needs;
};

/* ---- edges ---------------------------------------------------------------------------------------------- */

static struct step_need *find_need(const struct need_list *needs, size_t step)
{
    size_t slot = needs->slots[step];
    return slot > 0 && slot <= needs->count && needs->items[slot - 1].step == step ? &needs->items[slot - 1] : NULL;
}

static struct step_need *add_need(struct need_list *needs, size_t step)
{
    needs->items = arena_grow(needs->arena, needs->items, needs->count, &needs->room, sizeof *needs->items);
    needs->items[needs->count++] = (struct step_need){.step = step};
    needs->slots[step] = needs->count;
    return &needs->items[needs->count - 1];
}

static void named(void *ctx, size_t step, bool tolerant, const struct expr *at)
{
    struct names_check *check = ctx;
    struct step_need *need = find_need(&check->needs, step);
    if (need == NULL) {
        need = add_need(&check->needs, step);
        need->optional = true;
    }
    if (!tolerant && need->explicit_ && need->optional) {
        check_expr_error(&check->expr, at, DIAG_EXPR_PLACE, "write 'a ?? b', where b is the value then",
                         "step '%.*s' may have been skipped ('needs' has it with '?')",
                         STR_ARG(check->loader->pipeline->steps[step].id));
    }
    need->optional = need->optional && (tolerant || need->explicit_);
}

static void take_need(struct names_check *check, const struct yaml_node *node)
{
    const struct pipeline *pipeline = check->loader->pipeline;
    if (!load_expect(check->loader, node, TAKES_TEXT, "a step in 'needs'")) {
        return;
    }
    bool optional = str_ends(node->text, STR("?"));
    struct str id = str_slice(node->text, 0, node->text.n - (optional ? 1 : 0));
    ptrdiff_t index = pipeline_find_step(pipeline, id);
    if (index < 0) {
        load_error(check->loader, node, DIAG_EXPR_NAME, check_hint_step(check->loader, id), "there is no step '%.*s'",
                   STR_ARG(id));
        return;
    }
    if (find_need(&check->needs, (size_t)index) != NULL) {
        load_error(check->loader, node, DIAG_SUSPECT, NULL, "'%.*s' stands twice in 'needs'", STR_ARG(id));
        return;
    }
    struct step_need *need = add_need(&check->needs, (size_t)index);
    need->explicit_ = true;
    need->optional = optional;
}

static void keep_needs(struct arena *arena, const struct need_list *needs, struct step *step)
{
    struct step_need *own = arena_array(arena, needs->count, sizeof *own);
    if (needs->count > 0) {
        memcpy(own, needs->items, needs->count * sizeof *own);
    }
    step->needs = own;
    step->need_count = needs->count;
}

static void take_needs(struct names_check *check, const struct yaml_node *node)
{
    if (node != NULL && node->type == JSON_STRING) {
        take_need(check, node);
    }
    for (size_t i = 0; node != NULL && node->type == JSON_ARRAY && i < node->count; i++) {
        take_need(check, &node->items[i]);
    }
}

/* ---- values that loading does not keep ---------------------------------------------------------------------- */

/* Their syntax was checked when they were read: what is wrong with it is not said again. */
static void check_text_node(struct expr_check *check, const struct yaml_node *node)
{
    if (node != NULL && node->type == JSON_STRING && str_find(node->text, STR("${{")) >= 0) {
        struct template template;
        struct pos pos = yaml_content(check->loader->diags, node);
        struct diags unheard = diags_unheard(check->loader->diags);
        if (template_parse(yaml_scalar(node), pos, &unheard, &template) == 0) {
            check_template(check, &template);
        }
    }
    for (size_t i = 0; node != NULL && i < node->count; i++) {
        check_text_node(check, node->type == JSON_OBJECT ? &node->pairs[i].value : &node->items[i]);
    }
}

static void note_secret(void *ctx, struct str root, const struct str *members, size_t count, const struct expr *at)
{
    (void)members;
    (void)count;
    (void)at;
    *(bool *)ctx = *(bool *)ctx || str_is(root, "secrets");
}

/* The value of `key`, or something in it, that is read as it stands: an expression in it would never be evaluated, and
 * a secret has no business in it. */
static void check_literal(struct loader *loader, const struct yaml_node *node, struct str key)
{
    for (size_t i = 0; node != NULL && i < node->count; i++) {
        check_literal(loader, node->type == JSON_OBJECT ? &node->pairs[i].value : &node->items[i], key);
    }
    if (node == NULL || node->type != JSON_STRING || str_find(node->text, STR("${{")) < 0) {
        return;
    }
    struct diags unheard = diags_unheard(loader->diags);
    struct template template = {0};
    bool secret = false;
    const struct expr_visitor visitor = {.ctx = &secret, .path = note_secret};
    if (template_parse(yaml_scalar(node), node->pos, &unheard, &template) == 0) {
        template_walk(&template, &visitor);
    }
    const char *what = key.n == 0 ? "this key of 'on'" : arena_printf(loader->arena, "'%.*s'", STR_ARG(key));
    load_error(loader, node, secret ? DIAG_SECRET : DIAG_EXPR_PLACE, NULL,
               secret ? "a secret in %s would be stored or shown" : "%s takes no expressions", what);
}

/* ---- one step -------------------------------------------------------------------------------------------------- */

static void check_named_templates(struct expr_check *check, const struct named_template *templates, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_template(check, &templates[i].value);
    }
}

static void check_matrix_values(struct expr_check *check, const struct matrix *matrix)
{
    check->place = PLACE_MATRIX;
    if (matrix->dynamic != NULL) {
        check_expr(check, matrix->dynamic);
    }
    for (size_t a = 0; a < matrix->axis_count; a++) {
        for (size_t v = 0; v < matrix->axes[a].count; v++) {
            check_tree(check, &matrix->axes[a].values[v]);
        }
    }
    for (size_t i = 0; i < matrix->include_count; i++) {
        check_tree(check, &matrix->include[i]);
    }
    for (size_t i = 0; i < matrix->exclude_count; i++) {
        check_tree(check, &matrix->exclude[i]);
    }
}

static void check_condition(struct expr_check *check, const struct expr *condition)
{
    check->place = PLACE_IF;
    check_expr(check, condition);
    if (condition->op == EXPR_LITERAL && condition->value.type != JSON_BOOL) {
        check_expr_error(check, condition, DIAG_TYPE, NULL, "'if': expected true or false, found %s",
                         json_type_name(condition->value.type));
    }
}

/* An interpreter that `shell:` names and that is no shell knows nothing of "$__1": its text cannot hold expressions. */
static const char *other_language(const struct step *step)
{
    static const char *const names[] = {"python", "perl", "ruby", "node", "Rscript", "R", "lua", "php"};
    for (size_t w = 0; w < step->shell_count; w++) {
        struct str name = step->shell[w];
        for (ptrdiff_t slash = str_find_byte(name, '/', 0); slash >= 0; slash = str_find_byte(name, '/', 0)) {
            name = str_slice(name, (size_t)slash + 1, name.n);
        }
        while (name.n > 1 && ((name.p[name.n - 1] >= '0' && name.p[name.n - 1] <= '9') || name.p[name.n - 1] == '.')) {
            name.n--; /* python3.11 */
        }
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (str_is(name, names[i])) {
                return names[i];
            }
        }
    }
    return NULL;
}

static void check_what_runs(struct expr_check *check, const struct step *step)
{
    const char *language = other_language(step);
    check->place = PLACE_RUN;
    for (size_t i = 0; language != NULL && i < step->script.expr_count; i++) {
        check_expr_error(check, step->script.exprs[i], DIAG_SHELL, "put it in 'env:' and read the variable",
                         "an expression in a text that %s runs, which is no shell", language);
    }
    for (size_t i = 0; i < step->script.expr_count; i++) {
        check_expr(check, step->script.exprs[i]);
    }
    check->place = PLACE_WORDS;
    for (size_t i = 0; i < step->argv_count; i++) {
        check_template(check, &step->argv[i]);
    }
    check->place = step->kind == STEP_KIND_PIPELINE ? PLACE_CHILD_WITH : PLACE_WITH;
    check_tree(check, step->with);
    check->place = PLACE_ENV;
    check_named_templates(check, step->env, step->env_count);
}

static void check_what_it_leaves(struct expr_check *check, const struct step *step)
{
    check->place = PLACE_PUBLISHED;
    for (size_t i = 0; i < step->artifact_count; i++) {
        check_template(check, &step->artifacts[i].glob);
    }
    for (size_t i = 0; i < step->metric_count; i++) {
        check_template(check, &step->metrics[i]);
    }
    if (step->model != NULL) {
        check_template(check, &step->model->path);
        check_template(check, &step->model->name);
        check_template(check, &step->model->model_type);
        check_tree(check, &step->model->params);
        check_tree(check, &step->model->tags);
    }
}

/* "last:STEP.NAME" names an artifact of this pipeline. No edge: it is of a run before. */
static void check_last(struct expr_check *check, const struct step_input *input)
{
    const struct template *source = &input->source;
    struct str text = source->part_count == 0 && source->plain.type == JSON_STRING ? source->plain.u.string : STR("");
    struct str step = {0};
    if (!str_starts(text, STR("last:"))) {
        return;
    }
    struct str name = str_slice(text, strlen("last:"), text.n);
    (void)str_cut(&name, '.', &step);
    if (name.n == 0 || step.n == 0) {
        diag_add(check->loader->diags, DIAG_VALUE, source->pos, NULL, "expected last:STEP.NAME, found '%.*s'",
                 STR_ARG(text));
        return;
    }
    struct str members[] = {step, STR("artifacts"), name};
    struct expr at = {.op = EXPR_NAME, .pos = source->pos, .end_column = source->pos.column + (int)text.n};
    struct expr_check alone = {.loader = check->loader, .place = PLACE_INPUT};
    check_members(&alone, STR("steps"), members, 3, &at);
}

/* Two names that give one variable: SLUICE_INPUT_NAME is in upper case. */
static void check_input_names(struct loader *loader, const struct step *step)
{
    for (size_t i = 1; i < step->input_count; i++) {
        for (size_t k = 0; k < i; k++) {
            struct str a = step->inputs[i].name;
            struct str b = step->inputs[k].name;
            if (a.n == b.n && !str_eq(a, b) && strncasecmp(a.p, b.p, a.n) == 0) {
                diag_add(loader->diags, DIAG_VALUE, step->inputs[i].pos, NULL,
                         "the inputs '%.*s' and '%.*s' would both be $SLUICE_INPUT_... of one name", STR_ARG(b),
                         STR_ARG(a));
                break;
            }
        }
    }
}

static void check_step(struct names_check *names, size_t index)
{
    static const struct str literals[] = {STR("uses"), STR("shell"), STR("pipeline"), STR("permissions"),
                                          STR("resources")};
    struct step *step = (struct step *)(uintptr_t)&names->loader->pipeline->steps[index];
    struct expr_check *check = &names->expr;
    names->needs.count = 0;
    check->step = step;
    check->names_status = false;
    take_needs(names, load_step_node(names->loader, index, "needs"));
    if (step->condition != NULL) {
        check_condition(check, step->condition);
    }
    step->condition_names_status = check->names_status;
    if (step->matrix != NULL) {
        check_matrix_values(check, step->matrix);
    }
    check->place = PLACE_INPUT;
    for (size_t i = 0; i < step->input_count; i++) {
        check_template(check, &step->inputs[i].source);
        check_template(check, &step->inputs[i].dataset);
        check_template(check, &step->inputs[i].context);
        check_last(check, &step->inputs[i]);
    }
    check_input_names(names->loader, step);
    check_what_runs(check, step);
    check_what_it_leaves(check, step);
    check->place = PLACE_CACHE;
    check_text_node(check, load_step_node(names->loader, index, "cache"));
    for (size_t i = 0; i < sizeof literals / sizeof literals[0]; i++) {
        check_literal(names->loader, load_step_node_str(names->loader, index, literals[i]), literals[i]);
    }
    keep_needs(names->loader->arena, &names->needs, step);
}

/* ---- what belongs to no step ---------------------------------------------------------------------------- */

/* A trigger may give a param that this pipeline has not (yet): it is then left out, which deserves a word. */
static void check_given(struct loader *loader, struct named_template *given, const struct param *param)
{
    const struct pipeline *pipeline = loader->pipeline;
    if (param == NULL) {
        struct str *names = arena_array(loader->arena, pipeline->param_count, sizeof *names);
        for (size_t p = 0; p < pipeline->param_count; p++) {
            names[p] = pipeline->params[p].name;
        }
        struct diag *diag = diag_add(loader->diags, DIAG_SUSPECT, given->pos,
                                     diag_hint_near(loader->arena, given->name, names, pipeline->param_count),
                                     "the pipeline has no param '%.*s': what the trigger gives is left out",
                                     STR_ARG(given->name));
        diag->end_column = diag->pos.column + (int)given->name.n;
        return;
    }
    given->value.plain = load_param_value(param, &given->value, loader->arena);
    const char *problem = given->value.part_count > 0
                            ? NULL
                            : load_param_problem(param, &given->value.plain, loader->arena);
    if (problem != NULL) {
        diag_add(loader->diags, DIAG_TYPE, given->value.pos, NULL, "param '%.*s': %s", STR_ARG(given->name), problem);
    }
}

/* What a model's trigger gives by itself must fit the param of that name. */
static void check_given_by_model(struct loader *loader, const struct trigger *trigger, const struct param *param,
                                 bool *given)
{
    const struct given_param *gives = trigger_gives(trigger->kind, param->name);
    if (gives == NULL || *given) {
        return;
    }
    *given = true;
    if ((gives->types & 1u << param->type) == 0) {
        diag_add(loader->diags, DIAG_TYPE, param->pos,
                 arena_printf(loader->arena, "write type: %s, or give it in 'params' of the trigger",
                              value_type_name(gives->type)),
                 "'on: %s' gives '%.*s', %s: a param of type %s cannot take it", trigger_kind_name(trigger->kind),
                 STR_ARG(param->name), gives->doc, value_type_name(param->type));
    }
}

static void check_trigger(struct expr_check *check, const struct trigger *trigger)
{
    const struct pipeline *pipeline = check->loader->pipeline;
    check->place = PLACE_TRIGGER;
    if (trigger->condition != NULL) {
        check_expr(check, trigger->condition);
    }
    check_named_templates(check, trigger->params, trigger->param_count);
    bool *given = arena_array(check->loader->scratch, pipeline->param_count, sizeof *given);
    for (size_t i = 0; i < trigger->param_count; i++) {
        size_t p = 0;
        while (p < pipeline->param_count && !str_eq(pipeline->params[p].name, trigger->params[i].name)) {
            p++;
        }
        bool known = p < pipeline->param_count;
        struct named_template *params = (struct named_template *)(uintptr_t)trigger->params;
        check_given(check->loader, &params[i], known ? &pipeline->params[p] : NULL);
        if (known) {
            given[p] = true;
        }
    }
    for (size_t p = 0; p < pipeline->param_count; p++) {
        check_given_by_model(check->loader, trigger, &pipeline->params[p], &given[p]);
        if (pipeline->params[p].required && !given[p]) {
            diag_add(check->loader->diags, DIAG_SUSPECT, trigger->pos, "give it in 'params' of the trigger",
                     "the param '%.*s' has no default: no run that this starts can begin",
                     STR_ARG(pipeline->params[p].name));
        }
    }
}

/* Of `on:`, only params, conditions and secrets are evaluated. */
static void check_trigger_literals(struct loader *loader, const struct yaml_node *on)
{
    static const char *const evaluated[] = {"params", "if", "secret"};
    for (size_t i = 0; on != NULL && i < on->count; i++) {
        const struct yaml_node *value = on->type == JSON_OBJECT ? &on->pairs[i].value : &on->items[i];
        bool literal = true;
        for (size_t k = 0; on->type == JSON_OBJECT && k < sizeof evaluated / sizeof evaluated[0]; k++) {
            literal = literal && !str_is(on->pairs[i].key.text, evaluated[k]);
        }
        if (literal && (value->type == JSON_ARRAY || value->type == JSON_OBJECT)) {
            check_trigger_literals(loader, value);
        } else if (literal) {
            check_literal(loader, value, STR(""));
        }
    }
}

static void check_top(struct names_check *names, const struct yaml_node *root)
{
    static const struct str literals[] = {STR("name"), STR("experiment"), STR("tags"), STR("python"), STR("requires")};
    const struct pipeline *pipeline = names->loader->pipeline;
    struct expr_check *check = &names->expr;
    check->step = NULL;
    check->named = NULL;
    check->place = PLACE_PIPELINE_ENV;
    check_named_templates(check, pipeline->env, pipeline->env_count);
    check->place = PLACE_OUTPUTS;
    check_named_templates(check, pipeline->outputs, pipeline->output_count);
    for (size_t i = 0; i < pipeline->trigger_count; i++) {
        check_trigger(check, &pipeline->triggers[i]);
    }
    check_trigger_literals(names->loader, yaml_get(root, "on"));
    check->place = PLACE_HOOK_SECRET;
    check_text_node(check, yaml_get(yaml_get(yaml_get(root, "on"), "webhook"), "secret"));
    check->place = PLACE_GROUP;
    check_text_node(check, yaml_get(yaml_get(root, "concurrency"), "group"));
    for (size_t i = 0; i < sizeof literals / sizeof literals[0]; i++) {
        check_literal(names->loader, yaml_get_str(root, literals[i]), literals[i]);
    }
}

void check_names(struct loader *loader, const struct yaml_node *root)
{
    size_t count = loader->pipeline->step_count;
    struct names_check names = {.loader = loader};
    names.needs.arena = loader->scratch;
    names.needs.slots = arena_array(loader->scratch, count, sizeof *names.needs.slots);
    names.expr = (struct expr_check){.loader = loader, .named = named, .ctx = &names};
    for (size_t i = 0; i < count; i++) {
        check_step(&names, i);
    }
    check_top(&names, root);
}
