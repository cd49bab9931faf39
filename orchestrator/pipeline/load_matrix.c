/* SPDX-License-Identifier: Apache-2.0
 * `matrix:` of a step.
 */
#include "pipeline/load.h"

static void load_trees(struct loader *loader, const struct yaml_node *node, const char *what,
                       const struct template_tree **ret, size_t *ret_count)
{
    if (!load_expect(loader, node, TAKES_LIST, what) || !load_few(loader, node, what)) {
        return;
    }
    struct template_tree *trees = arena_array(loader->arena, node->count, sizeof *trees);
    size_t count = 0;
    for (size_t i = 0; i < node->count; i++) {
        if (load_expect(loader, &node->items[i], TAKES_MAP, what)) {
            count += load_tree(loader, &node->items[i], &trees[count]) ? 1 : 0;
        }
    }
    *ret = trees;
    *ret_count = count;
}

static void load_axis(struct loader *loader, const struct yaml_pair *pair, struct matrix_axis *axis)
{
    axis->name = pair->key.text;
    if (!name_is_identifier(axis->name)) {
        load_error(loader, &pair->key, DIAG_VALUE, NULL,
                   "'%.*s' is no name of a matrix axis: expected letters, digits and '_'", STR_ARG(axis->name));
    }
    axis->whole = pair->value.type != JSON_ARRAY;
    size_t count = axis->whole ? 1 : pair->value.count;
    struct template_tree *values = arena_array(loader->arena, count, sizeof *values);
    for (size_t i = 0; i < count; i++) {
        (void)load_tree(loader, axis->whole ? &pair->value : &pair->value.items[i], &values[i]);
    }
    if (axis->whole && (values[0].type != JSON_STRING || template_is_plain(&values[0].leaf))) {
        load_error(loader, &pair->value, DIAG_TYPE, NULL, "matrix axis '%.*s': expected a list", STR_ARG(axis->name));
    }
    if (count == 0) {
        load_error(loader, &pair->value, DIAG_VALUE, NULL, "matrix axis '%.*s' is empty", STR_ARG(axis->name));
    }
    axis->values = values;
    axis->count = count;
}

void load_matrix(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct step *step = target;
    struct matrix *matrix = arena_one(loader->arena, struct matrix);
    step->matrix = matrix;
    matrix->pos = node->pos;
    if (node->type == JSON_STRING) {
        struct template whole = {0};
        if (!load_template(loader, node, &whole)) {
            return;
        }
        if (whole.part_count != 1 || whole.parts[0].expr == NULL) {
            load_error(loader, node, DIAG_TYPE, NULL,
                       "'matrix': expected a map of axes, or one expression that gives a list");
            return;
        }
        matrix->dynamic = whole.parts[0].expr;
        return;
    }
    struct matrix_axis *axes = arena_array(loader->arena, node->count, sizeof *axes);
    for (size_t i = 0; load_few(loader, node, "'matrix'") && i < node->count; i++) {
        const struct yaml_pair *pair = &node->pairs[i];
        if (str_is(pair->key.text, "include")) {
            load_trees(loader, &pair->value, "'include' of a matrix", &matrix->include, &matrix->include_count);
        } else if (str_is(pair->key.text, "exclude")) {
            load_trees(loader, &pair->value, "'exclude' of a matrix", &matrix->exclude, &matrix->exclude_count);
        } else {
            load_axis(loader, pair, &axes[matrix->axis_count++]);
        }
    }
    matrix->axes = axes;
    if (matrix->axis_count == 0 && matrix->include_count == 0) {
        load_error(loader, node, DIAG_VALUE, NULL, "the matrix has no axes");
    }
}
