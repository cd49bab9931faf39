/* SPDX-License-Identifier: Apache-2.0
 * Pipelines for the tests of run/, one row a step, without a file: no loader, no plugins, only what deciding looks at.
 *
 *     struct made made = make_pipeline((struct made_step[]){{.id = "a"}, {.id = "b", .needs = "a"}}, 2);
 *
 * Needs are separated by blanks, "x?" accepts a skipped one. Matrices are JSON: {"axes": {"lr": [1, 2]},
 * "include": [{}], "exclude": [{}]}; strings in them may hold ${{ }}.
 */
#ifndef SLUICE_TEST_PIPELINE_MAKER_H
#define SLUICE_TEST_PIPELINE_MAKER_H

#include "pipeline/load.h"

#include "test.h"

struct made_step {
    const char *id;
    const char *needs;
    const char *condition; /* `if` */
    const char *matrix;
    const char *dynamic; /* an expression that gives the items */
    int max_parallel;
    bool fail_fast;
    bool continue_on_error;
    struct retry_policy retry; /* attempts 0: no retry */
};

struct made {
    struct arena *arena;
    struct pipeline *pipeline;
};

static const struct expr *made_expr(struct arena *arena, const char *text)
{
    struct diags diags;
    diags_init(&diags, arena, "test");
    diags.text = str_from(text);
    const struct expr *expr = expr_parse(diags.text, (struct pos){1, 1}, &diags);
    if (expr == NULL) {
        fail_msg("'%s': %s", text, diags.items[0].message);
    }
    return expr;
}

static struct template made_template(struct arena *arena, struct json value)
{
    struct template made = {0};
    struct diags diags;
    diags_init(&diags, arena, "test");
    if (template_parse(value, (struct pos){1, 1}, &diags, &made) < 0) {
        fail_msg("%s", diags.items[0].message);
    }
    return made;
}

static void made_note_status(void *ctx, const struct expr *call)
{
    for (size_t i = 0; i < expr_function_count; i++) {
        if (expr_functions[i].is_status && str_is(call->name, expr_functions[i].name)) {
            *(bool *)ctx = true;
        }
    }
}

static struct template_tree made_tree(struct arena *arena, const struct json *value)
{
    struct template_tree tree = {.type = value->type};
    if (value->type != JSON_OBJECT && value->type != JSON_ARRAY) {
        tree.leaf = made_template(arena, *value);
        return tree;
    }
    bool map = value->type == JSON_OBJECT;
    tree.count = map ? value->u.object.count : value->u.array.count;
    struct str *keys = arena_array(arena, tree.count, sizeof *keys);
    struct template_tree *items = arena_array(arena, tree.count, sizeof *items);
    for (size_t i = 0; i < tree.count; i++) {
        keys[i] = map ? value->u.object.members[i].key : STR("");
        items[i] = made_tree(arena, map ? &value->u.object.members[i].value : &value->u.array.items[i]);
    }
    tree.keys = keys;
    tree.items = items;
    return tree;
}

/* The items of a list: values of an axis, or maps as include and exclude have them. */
static const struct template_tree *made_trees(struct arena *arena, const struct json *list, size_t *ret_count)
{
    struct template_tree whole = {0};
    if (list != NULL) {
        whole = made_tree(arena, list);
    }
    *ret_count = whole.count;
    return whole.items;
}

/* A list, or one expression that gives it. */
static struct matrix_axis made_axis(struct arena *arena, struct str name, const struct json *values)
{
    struct matrix_axis axis = {.name = name, .whole = values->type == JSON_STRING};
    if (axis.whole) {
        struct template_tree *one = arena_one(arena, struct template_tree);
        *one = made_tree(arena, values);
        axis.values = one;
        axis.count = 1;
    } else {
        axis.values = made_trees(arena, values, &axis.count);
    }
    return axis;
}

static struct matrix made_matrix(struct arena *arena, const char *text)
{
    struct matrix matrix = {0};
    struct json spec;
    if (json_read(str_from(text), (struct json_limits){0}, arena, &spec, NULL) < 0) {
        fail_msg("'%s' is no JSON", text);
    }
    const struct json *axes = json_get(&spec, "axes");
    matrix.axis_count = axes == NULL ? 0 : axes->u.object.count;
    struct matrix_axis *made = arena_array(arena, matrix.axis_count, sizeof *made);
    for (size_t a = 0; a < matrix.axis_count; a++) {
        made[a] = made_axis(arena, axes->u.object.members[a].key, &axes->u.object.members[a].value);
    }
    matrix.axes = made;
    matrix.include = made_trees(arena, json_get(&spec, "include"), &matrix.include_count);
    matrix.exclude = made_trees(arena, json_get(&spec, "exclude"), &matrix.exclude_count);
    return matrix;
}

static void made_needs(struct arena *arena, struct pipeline *pipeline, struct step *step, const char *text)
{
    struct step_need *needs = arena_array(arena, pipeline->step_count, sizeof *needs);
    struct str rest = str_from(text);
    struct str word = {0};
    while (str_cut(&rest, ' ', &word)) {
        bool optional = str_ends(word, STR("?"));
        ptrdiff_t found = pipeline_find_step(pipeline, str_slice(word, 0, word.n - (optional ? 1 : 0)));
        assert_true(found >= 0);
        needs[step->need_count++] = (struct step_need){.step = (size_t)found, .optional = optional, .explicit_ = true};
    }
    step->needs = needs;
}

static struct made make_pipeline(const struct made_step *rows, size_t count)
{
    struct arena *arena = arena_new();
    struct pipeline *pipeline = arena_one(arena, struct pipeline);
    struct step *steps = arena_array(arena, count, sizeof *steps);
    pipeline->name = STR("test");
    pipeline->steps = steps;
    pipeline->step_count = count;
    for (size_t i = 0; i < count; i++) {
        steps[i].id = arena_str(arena, str_from(rows[i].id));
    }
    pipeline->index = step_index_new(arena, pipeline);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].needs != NULL) {
            made_needs(arena, pipeline, &steps[i], rows[i].needs);
        }
        if (rows[i].condition != NULL) {
            struct expr_visitor visitor = {.ctx = &steps[i].condition_names_status, .call = made_note_status};
            steps[i].condition = made_expr(arena, rows[i].condition);
            expr_walk(steps[i].condition, &visitor);
            steps[i].condition_text = arena_str(arena, str_from(rows[i].condition));
        }
        if (rows[i].matrix != NULL || rows[i].dynamic != NULL) {
            struct matrix *matrix = arena_one(arena, struct matrix);
            if (rows[i].matrix != NULL) {
                *matrix = made_matrix(arena, rows[i].matrix);
            } else {
                matrix->dynamic = made_expr(arena, rows[i].dynamic);
            }
            steps[i].matrix = matrix;
        }
        steps[i].max_parallel = rows[i].max_parallel;
        steps[i].fail_fast = rows[i].fail_fast;
        steps[i].continue_on_error = rows[i].continue_on_error;
        struct retry_policy *retry = arena_one(arena, struct retry_policy);
        *retry = rows[i].retry;
        retry->attempts = retry->attempts == 0 ? 1 : retry->attempts;
        steps[i].retry = retry;
    }
    return (struct made){arena, pipeline};
}

#define MAKE(...)                                                                                                      \
    make_pipeline((const struct made_step[]){__VA_ARGS__},                                                             \
                  sizeof((const struct made_step[]){__VA_ARGS__}) / sizeof(struct made_step))

#endif
