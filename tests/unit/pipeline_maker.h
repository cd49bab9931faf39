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

/* Maps of scalars, as include and exclude have them. */
static const struct template_tree *made_trees(struct arena *arena, const struct json *maps, size_t *ret_count)
{
    *ret_count = maps == NULL ? 0 : maps->u.array.count;
    struct template_tree *trees = arena_array(arena, *ret_count, sizeof *trees);
    for (size_t i = 0; i < *ret_count; i++) {
        const struct json *map = &maps->u.array.items[i];
        struct str *keys = arena_array(arena, map->u.object.count, sizeof *keys);
        struct template_tree *leaves = arena_array(arena, map->u.object.count, sizeof *leaves);
        for (size_t m = 0; m < map->u.object.count; m++) {
            keys[m] = map->u.object.members[m].key;
            leaves[m].type = map->u.object.members[m].value.type;
            leaves[m].leaf = made_template(arena, map->u.object.members[m].value);
        }
        trees[i] =
            (struct template_tree){.type = JSON_OBJECT, .keys = keys, .items = leaves, .count = map->u.object.count};
    }
    return trees;
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
        const struct json *list = &axes->u.object.members[a].value;
        struct template *values = arena_array(arena, list->u.array.count, sizeof *values);
        for (size_t v = 0; v < list->u.array.count; v++) {
            values[v] = made_template(arena, list->u.array.items[v]);
        }
        made[a] = (struct matrix_axis){axes->u.object.members[a].key, values, list->u.array.count};
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
        steps[i].definition = json_object();
        if (rows[i].needs != NULL) {
            made_needs(arena, pipeline, &steps[i], rows[i].needs);
        }
        if (rows[i].condition != NULL) {
            struct expr_visitor visitor = {.ctx = &steps[i].condition_names_status, .call = made_note_status};
            steps[i].condition = made_expr(arena, rows[i].condition);
            expr_walk(steps[i].condition, &visitor);
            json_set(arena, &steps[i].definition, "if", json_cstring(arena, rows[i].condition));
        }
        steps[i].has_matrix = rows[i].matrix != NULL || rows[i].dynamic != NULL;
        if (rows[i].matrix != NULL) {
            steps[i].matrix = made_matrix(arena, rows[i].matrix);
        } else if (rows[i].dynamic != NULL) {
            steps[i].matrix.dynamic = made_expr(arena, rows[i].dynamic);
        }
        steps[i].max_parallel = rows[i].max_parallel;
        steps[i].fail_fast = rows[i].fail_fast;
        steps[i].continue_on_error = rows[i].continue_on_error;
        steps[i].retry = rows[i].retry;
        steps[i].retry.attempts = rows[i].retry.attempts == 0 ? 1 : rows[i].retry.attempts;
    }
    return (struct made){arena, pipeline};
}

#define MAKE(...)                                                                                                      \
    make_pipeline((const struct made_step[]){__VA_ARGS__},                                                             \
                  sizeof((const struct made_step[]){__VA_ARGS__}) / sizeof(struct made_step))

#endif
