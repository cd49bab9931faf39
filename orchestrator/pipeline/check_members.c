/* SPDX-License-Identifier: Apache-2.0
 * What stands behind a context: params.X, matrix.X, steps.S.outputs.K.
 */
#include "pipeline/check_expr.h"

#include "plugin/catalogue.h"

enum { BELOW_MAX = 1000 }; /* of more values than a person writes, what is in them is not looked at */

/* A growing list of known names, for looking up and for hints. */
struct names {
    struct arena *arena;
    struct str *items;
    size_t count;
    size_t room;
};

static void add_name(struct names *names, struct str name)
{
    names->items = arena_grow(names->arena, names->items, names->count, &names->room, sizeof *names->items);
    names->items[names->count++] = name;
}

static void add_words(struct names *names, const char *const *words)
{
    for (; *words != NULL; words++) {
        add_name(names, str_from(*words));
    }
}

static bool has_name(const struct names *names, struct str name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (str_eq(names->items[i], name)) {
            return true;
        }
    }
    return false;
}

static const char *hint_near(const struct expr_check *check, const struct names *names, struct str name)
{
    return load_hint_near(check->loader, name, names->items, names->count);
}

/* `what` is "param", "output". */
static void require(const struct expr_check *check, const struct names *names, struct str name, const char *what,
                    const struct expr *at)
{
    if (!has_name(names, name)) {
        check_expr_error(check, at, DIAG_EXPR_NAME, hint_near(check, names, name), "there is no %s '%.*s'", what,
                         STR_ARG(name));
    }
}

/* The same of what a step has. */
static void require_of(const struct expr_check *check, const struct names *names, struct str name, const char *what,
                       const struct step *step, const struct expr *at)
{
    if (!has_name(names, name)) {
        check_expr_error(check, at, DIAG_EXPR_NAME, hint_near(check, names, name),
                         "there is no %s '%.*s' of step '%.*s'", what, STR_ARG(name), STR_ARG(step->id));
    }
}

/* ---- flat contexts ------------------------------------------------------------------------------------------ */

static void check_param(const struct expr_check *check, struct names *names, struct str name, const struct expr *at)
{
    const struct pipeline *pipeline = check->loader->pipeline;
    for (size_t i = 0; i < pipeline->param_count; i++) {
        if (str_eq(pipeline->params[i].name, name)) {
            return;
        }
    }
    for (size_t i = 0; i < pipeline->param_count; i++) {
        add_name(names, pipeline->params[i].name);
    }
    require(check, names, name, "param", at);
}

static void check_input(const struct expr_check *check, struct names *names, struct str name, const struct expr *at)
{
    for (size_t i = 0; i < check->step->input_count; i++) {
        add_name(names, check->step->inputs[i].name);
    }
    require_of(check, names, name, "input", check->step, at);
}

/* What an expression names below `path` in a value that is one of `values`. One that is an expression is known at run
 * time only, and then so are the names. */
static void check_below(const struct expr_check *check, const struct template_tree *const *values, size_t value_count,
                        const char *path, const struct str *members, size_t count, const struct expr *at)
{
    struct names names = {.arena = check->loader->arena};
    if (count == 0 || value_count == 0 || value_count > BELOW_MAX) {
        return;
    }
    const struct template_tree **below = arena_array(names.arena, value_count, sizeof *below);
    size_t below_count = 0;
    for (size_t i = 0; i < value_count; i++) {
        const struct template_tree *value = values[i];
        if (value->type == JSON_ARRAY || !template_is_plain(&value->leaf)) {
            return;
        }
        for (size_t k = 0; k < value->count; k++) {
            if (!has_name(&names, value->keys[k])) {
                add_name(&names, value->keys[k]);
            }
            if (str_eq(value->keys[k], members[0])) {
                below[below_count++] = &value->items[k];
            }
        }
    }
    if (!has_name(&names, members[0])) {
        check_expr_error(check, at, DIAG_EXPR_NAME, hint_near(check, &names, members[0]),
                         "there is no key '%.*s' of '%s'", STR_ARG(members[0]), path);
    }
    check_below(check, below, below_count, arena_printf(names.arena, "%s.%.*s", path, STR_ARG(members[0])),
                members + 1, count - 1, at);
}

static void check_matrix_value(const struct expr_check *check, const struct matrix *matrix, const struct str *members,
                               size_t count, const struct expr *at)
{
    struct arena *arena = check->loader->arena;
    const struct template_tree **values = arena_array(arena, BELOW_MAX + 1, sizeof *values);
    size_t value_count = 0;
    for (size_t i = 0; i < matrix->axis_count; i++) {
        const struct matrix_axis *axis = &matrix->axes[i];
        for (size_t v = 0; str_eq(axis->name, members[0]) && v < axis->count && value_count <= BELOW_MAX; v++) {
            values[value_count++] = &axis->values[v];
        }
    }
    for (size_t i = 0; i < matrix->include_count; i++) {
        for (size_t k = 0; k < matrix->include[i].count && value_count <= BELOW_MAX; k++) {
            if (str_eq(matrix->include[i].keys[k], members[0])) {
                values[value_count++] = &matrix->include[i].items[k];
            }
        }
    }
    check_below(check, values, value_count, arena_printf(arena, "matrix.%.*s", STR_ARG(members[0])), members + 1,
                count - 1, at);
}

static void check_matrix(const struct expr_check *check, struct names *names, const struct str *members, size_t count,
                         const struct expr *at)
{
    const struct matrix *matrix = check->step->matrix;
    if (matrix == NULL) {
        check_expr_error(check, at, DIAG_EXPR_PLACE, NULL, "step '%.*s' has no matrix", STR_ARG(check->step->id));
        return;
    }
    if (matrix->dynamic != NULL || count == 0) {
        return;
    }
    for (size_t i = 0; i < matrix->axis_count; i++) {
        add_name(names, matrix->axes[i].name);
    }
    for (size_t i = 0; i < matrix->include_count; i++) {
        for (size_t k = 0; k < matrix->include[i].count; k++) {
            if (!has_name(names, matrix->include[i].keys[k])) {
                add_name(names, matrix->include[i].keys[k]);
            }
        }
    }
    require(check, names, members[0], "matrix axis", at);
    if (count > 1) {
        check_matrix_value(check, matrix, members, count, at);
    }
}

/* Through variables that name others, each looked at once. */
struct env_search {
    const struct expr_check *check;
    bool *seen; /* of the step's, then of the pipeline's */
    bool found;
};

static void look_in_env(struct env_search *search, struct str name);

static void note_env_path(void *ctx, struct str root, const struct str *members, size_t count, const struct expr *at)
{
    struct env_search *search = ctx;
    (void)at;
    search->found = search->found || str_is(root, "secrets");
    if (str_is(root, "env")) {
        look_in_env(search, count == 0 ? (struct str){0} : members[0]);
    }
}

static void look_in(struct env_search *search, const struct named_template *templates, size_t count, bool *seen,
                    struct str name)
{
    const struct expr_visitor visitor = {.ctx = search, .path = note_env_path};
    for (size_t i = 0; i < count && !search->found; i++) {
        if (!seen[i] && (name.n == 0 || str_eq(templates[i].name, name))) {
            seen[i] = true;
            template_walk(&templates[i].value, &visitor);
        }
    }
}

static void look_in_env(struct env_search *search, struct str name)
{
    const struct pipeline *pipeline = search->check->loader->pipeline;
    const struct step *step = search->check->step;
    size_t own = step == NULL ? 0 : step->env_count;
    if (step != NULL) {
        look_in(search, step->env, own, search->seen, name);
    }
    look_in(search, pipeline->env, pipeline->env_count, search->seen + own, name);
}

bool check_env_is_secret(const struct expr_check *check, struct str name)
{
    struct env_search search = {.check = check};
    size_t own = check->step == NULL ? 0 : check->step->env_count;
    search.seen = arena_array(check->loader->arena, own + check->loader->pipeline->env_count, sizeof *search.seen);
    look_in_env(&search, name);
    return search.found;
}

/* What is not in the file may come from step_env of config.yaml: only a warning. */
static void check_env(const struct expr_check *check, struct names *names, struct str name, const struct expr *at)
{
    static const char *const always[] = {
        "PATH", "HOME", "LANG", "TZ", "TMPDIR", "USER", "SLUICE_OUTPUT",
        "SLUICE_STEP_DIR", "SLUICE_STATE", "SLUICE_STEP", "SLUICE_RUN_ID", "SLUICE_WORKSPACE", "SLUICE_ATTEMPT",
        "PYTHONUNBUFFERED", NULL};
    const struct pipeline *pipeline = check->loader->pipeline;
    for (size_t i = 0; i < pipeline->env_count; i++) {
        add_name(names, pipeline->env[i].name);
    }
    for (size_t i = 0; check->step != NULL && i < check->step->env_count; i++) {
        add_name(names, check->step->env[i].name);
    }
    add_words(names, always);
    if (!has_name(names, name) && !check->guarded && !str_starts(name, STR("SLUICE_INPUT_"))) {
        const char *hint = hint_near(check, names, name);
        check_expr_error(check, at, DIAG_SUSPECT,
                         hint == NULL ? "set it in 'env:', or name it in step_env of config.yaml" : hint,
                         "this file sets no environment variable '%.*s'", STR_ARG(name));
    }
}

/* ---- steps.S -------------------------------------------------------------------------------------------- */

/* What the step leaves under `outputs`; false when that is known at run time only. */
static bool add_outputs(const struct expr_check *check, struct names *names, const struct step *step)
{
    size_t count = step_output_name_count(step);
    for (size_t i = 0; i < count; i++) {
        add_name(names, step_output_name(step, i));
    }
    if (step->kind == STEP_KIND_USES) {
        return step->plugin != NULL;
    }
    if (step->kind == STEP_KIND_PIPELINE) {
        const struct pipeline *child = check->loader->children[step - check->loader->pipeline->steps];
        for (size_t i = 0; child != NULL && i < child->output_count; i++) {
            add_name(names, child->outputs[i].name);
        }
        return child != NULL;
    }
    return true;
}

static const char *const step_members[] = {"outputs", "artifacts", "metrics",   "status",
                                           "run_id",  "model_id",  "model_uri", NULL};

/* `members` are those behind the step's id. */
static void check_step_member(const struct expr_check *check, const struct step *step, const struct str *members,
                              size_t count, const struct expr *at)
{
    struct names names = {.arena = check->loader->arena};
    if (count > 1 && str_is(members[0], "outputs")) {
        if (add_outputs(check, &names, step)) {
            require_of(check, &names, members[1], "output", step, at);
        }
        return;
    }
    if (count > 1 && str_is(members[0], "artifacts")) {
        for (size_t i = 0; i < step->artifact_count; i++) {
            if (step->artifacts[i].name.n > 0) {
                add_name(&names, step->artifacts[i].name);
            }
        }
        require_of(check, &names, members[1], "artifact", step, at);
        return;
    }
    add_words(&names, step_members);
    if (count > 0 && !has_name(&names, members[0]) && add_outputs(check, &names, step)) {
        require_of(check, &names, members[0], "value", step, at);
    }
}

const char *check_hint_step(struct loader *loader, struct str id)
{
    const struct pipeline *pipeline = loader->pipeline;
    return load_hint_near(loader, id, str_index_texts(pipeline->index), pipeline->step_count);
}

static void check_steps(const struct expr_check *check, const struct str *members, size_t count, const struct expr *at)
{
    const struct pipeline *pipeline = check->loader->pipeline;
    if (count == 0) {
        check_expr_error(check, at, DIAG_EXPR_NAME, "write steps.ID: the order of the steps follows from it",
                         "'steps' without the name of one step");
        return;
    }
    ptrdiff_t index = pipeline_find_step(pipeline, members[0]);
    if (index < 0) {
        check_expr_error(check, at, DIAG_EXPR_NAME, check_hint_step(check->loader, members[0]),
                         "there is no step '%.*s'", STR_ARG(members[0]));
        return;
    }
    const struct step *step = &pipeline->steps[index];
    if (step == check->step) {
        check_expr_error(check, at, DIAG_EXPR_PLACE, "its folder is step.dir, its own inputs are inputs.NAME",
                         "step '%.*s' cannot use what it leaves itself", STR_ARG(step->id));
        return;
    }
    check_step_member(check, step, members + 1, count - 1, at);
    if (check->named != NULL) {
        check->named(check->ctx, (size_t)index, check->guarded || (count > 1 && str_is(members[1], "status")), at);
    }
}

/* ---- all ------------------------------------------------------------------------------------------------ */

void check_members(struct expr_check *check, struct str root, const struct str *members, size_t count,
                   const struct expr *at)
{
    static const char *const run_members[] = {"id",    "number",     "name", "trigger", "scheduled_for",
                                              "actor", "started_ms", NULL};
    static const char *const git_members[] = {"commit", "branch", "repo", NULL};
    static const char *const attempt_members[] = {"dir", "id", "attempt", NULL};
    struct names names = {.arena = check->loader->arena};
    if (str_is(root, "steps")) {
        check_steps(check, members, count, at);
    } else if (str_is(root, "matrix")) {
        check_matrix(check, &names, members, count, at);
    } else if (str_is(root, "secrets") && count == 0) {
        check_expr_error(check, at, DIAG_SECRET, "write secrets.NAME", "all secrets at once");
    } else if (count == 0) {
        return;
    } else if (str_is(root, "params")) {
        check_param(check, &names, members[0], at);
    } else if (str_is(root, "inputs")) {
        check_input(check, &names, members[0], at);
    } else if (str_is(root, "env")) {
        check_env(check, &names, members[0], at);
    } else if (str_is(root, "run") || str_is(root, "git") || str_is(root, "step")) {
        add_words(&names, str_is(root, "run") ? run_members : str_is(root, "git") ? git_members : attempt_members);
        if (!has_name(&names, members[0])) {
            bool meant = str_is(root, "step") && pipeline_find_step(check->loader->pipeline, members[0]) >= 0;
            const char *hint = meant ? arena_printf(check->loader->arena, "did you mean 'steps.%.*s'?",
                                                    STR_ARG(members[0]))
                                     : hint_near(check, &names, members[0]);
            check_expr_error(check, at, DIAG_EXPR_NAME, hint, "'%.*s' has no '%.*s'", STR_ARG(root),
                             STR_ARG(members[0]));
        }
    }
}
