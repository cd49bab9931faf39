/* SPDX-License-Identifier: Apache-2.0
 * What is known of a matrix before it runs: how many items it has, and whether `exclude` names what there is. Values
 * that are expressions are known at run time only: nothing is claimed of them.
 */
#include "pipeline/load.h"

/* The values of one axis, for comparing. */
struct axis_values {
    const struct json *items;
    size_t count;
    bool known;
};

static bool is_plain(const struct template_tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        if (!is_plain(&tree->items[i])) {
            return false;
        }
    }
    return template_is_plain(&tree->leaf);
}

/* False when the value is known at run time only. */
static bool plain_value(struct arena *arena, const struct template_tree *tree, struct json *ret)
{
    const struct expr_env nothing = {0};
    return is_plain(tree) && template_tree_eval(tree, &nothing, arena, ret, NULL) == 0;
}

static struct axis_values axis_values(struct arena *arena, const struct matrix_axis *axis)
{
    struct json *items = arena_array(arena, axis->count, sizeof *items);
    struct axis_values values = {.items = items, .count = axis->count, .known = !axis->whole};
    for (size_t v = 0; v < axis->count && values.known; v++) {
        values.known = plain_value(arena, &axis->values[v], &items[v]);
    }
    return values;
}

static ptrdiff_t find_axis(const struct matrix *matrix, struct str name)
{
    for (size_t a = 0; a < matrix->axis_count; a++) {
        if (str_eq(matrix->axes[a].name, name)) {
            return (ptrdiff_t)a;
        }
    }
    return -1;
}

/* Can the axis have this value? */
static bool may_have(struct arena *arena, const struct axis_values *axis, const struct template_tree *value)
{
    struct json wanted;
    if (!axis->known || !plain_value(arena, value, &wanted)) {
        return true;
    }
    for (size_t v = 0; v < axis->count; v++) {
        if (json_equal(&axis->items[v], &wanted)) {
            return true;
        }
    }
    return false;
}

/* ---- how many ----------------------------------------------------------------------------------------- */

/* "101 x 100" */
static const char *factors(struct arena *arena, const struct matrix *matrix)
{
    const char *all = "";
    for (size_t a = 0; a < matrix->axis_count; a++) {
        all = arena_printf(arena, "%s%s%zu", all, a == 0 ? "" : " x ", matrix->axes[a].count);
    }
    return all;
}

/* An include is an item of its own when no item has its values. */
static size_t own_items(struct arena *arena, const struct matrix *matrix, const struct axis_values *axes)
{
    size_t count = 0;
    for (size_t i = 0; i < matrix->include_count; i++) {
        const struct template_tree *entry = &matrix->include[i];
        bool own = matrix->axis_count == 0;
        for (size_t k = 0; k < entry->count; k++) {
            ptrdiff_t a = find_axis(matrix, entry->keys[k]);
            own = own || (a >= 0 && !may_have(arena, &axes[a], &entry->items[k]));
        }
        count += own ? 1 : 0;
    }
    return count;
}

/* False, after reporting, when there are certainly too many. What `exclude` takes away is made first. */
static bool check_count(struct loader *loader, size_t step, const struct axis_values *axes)
{
    const struct matrix *matrix = loader->pipeline->steps[step].matrix;
    const struct yaml_node *node = load_step_node(loader, step, "matrix");
    size_t product = matrix->axis_count == 0 ? 0 : 1;
    for (size_t a = 0; a < matrix->axis_count; a++) {
        if (matrix->axes[a].whole) { /* it may well be empty */
            return true;
        }
        size_t count = matrix->axes[a].count;
        product = count > 0 && product > SIZE_MAX / count ? SIZE_MAX : product * count;
    }
    if (product > MATRIX_MAX_ITEMS) {
        load_error(loader, node, DIAG_BOUND, NULL, "the matrix has %s%zu items (%s): at most %d",
                   product == SIZE_MAX ? "more than " : "", product, factors(loader->scratch, matrix),
                   MATRIX_MAX_ITEMS);
        return false;
    }
    size_t own = matrix->exclude_count > 0 ? 0 : own_items(loader->scratch, matrix, axes);
    if (product + own > MATRIX_MAX_ITEMS) {
        load_error(loader, node, DIAG_BOUND, NULL, "the matrix has %zu items, %zu of them by 'include': at most %d",
                   product + own, own, MATRIX_MAX_ITEMS);
    }
    return product + own <= MATRIX_MAX_ITEMS;
}

/* ---- exclude -------------------------------------------------------------------------------------------- */

static void check_exclude(struct loader *loader, const struct matrix *matrix, const struct axis_values *axes,
                          const struct template_tree *entry)
{
    struct str *names = arena_array(loader->arena, matrix->axis_count, sizeof *names);
    for (size_t a = 0; a < matrix->axis_count; a++) {
        names[a] = matrix->axes[a].name;
    }
    for (size_t k = 0; k < entry->count; k++) {
        ptrdiff_t a = find_axis(matrix, entry->keys[k]);
        struct diag *diag = NULL;
        if (a < 0) {
            diag = diag_add(loader->diags, DIAG_EXPR_NAME, entry->key_positions[k],
                            diag_hint_near(loader->arena, entry->keys[k], names, matrix->axis_count),
                            "'exclude': the matrix has no axis '%.*s'", STR_ARG(entry->keys[k]));
        } else if (!may_have(loader->scratch, &axes[a], &entry->items[k])) {
            diag = diag_add(loader->diags, DIAG_SUSPECT, entry->key_positions[k], NULL,
                            "'exclude' leaves out nothing: no combination has this '%.*s'", STR_ARG(entry->keys[k]));
        }
        if (diag != NULL) {
            diag->end_column = diag->pos.column + (int)entry->keys[k].n;
        }
    }
}

void check_matrices(struct loader *loader)
{
    for (size_t i = 0; i < loader->pipeline->step_count; i++) {
        const struct matrix *matrix = loader->pipeline->steps[i].matrix;
        if (matrix == NULL) {
            continue;
        }
        struct axis_values *axes = arena_array(loader->scratch, matrix->axis_count, sizeof *axes);
        for (size_t a = 0; a < matrix->axis_count; a++) {
            axes[a] = axis_values(loader->scratch, &matrix->axes[a]);
        }
        bool few = check_count(loader, i, axes);
        for (size_t e = 0; few && e < matrix->exclude_count; e++) {
            check_exclude(loader, matrix, axes, &matrix->exclude[e]);
        }
    }
}
