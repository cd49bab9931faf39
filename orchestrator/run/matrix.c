/* SPDX-License-Identifier: Apache-2.0 */
#include "run/run_internal.h"

#include <stdio.h>

void run_item_key(size_t index, const struct json *item, char room[20])
{
    struct strbuf text;
    strbuf_init(&text, 16 << 20);
    json_write_canonical(&text, item);
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < text.length; i++) {
        hash = (hash ^ (unsigned char)text.data[i]) * 16777619u;
    }
    strbuf_clear(&text);
    (void)snprintf(room, 20, "%zu-%08x", index, hash);
}

static int push_item(struct run *run, struct json *items, struct json item, struct err *err)
{
    if (items->u.array.count >= MATRIX_MAX_ITEMS) {
        return err_set(err, ERR_LIMIT, "the matrix has more than %d items", MATRIX_MAX_ITEMS);
    }
    json_push(run->arena, items, item);
    return 0;
}

/* The values of all axes, evaluated. */
static int evaluate_axes(struct run *run, const struct matrix *matrix, const struct expr_env *env,
                         struct json *ret_axes, struct err *err)
{
    *ret_axes = json_array();
    for (size_t a = 0; a < matrix->axis_count; a++) {
        const struct matrix_axis *axis = &matrix->axes[a];
        struct json values = json_array();
        for (size_t v = 0; v < axis->count; v++) {
            struct json value;
            if (template_tree_eval(&axis->values[v], env, run->arena, &value, err) < 0) {
                return err_add(err, "matrix axis '%.*s'", STR_ARG(axis->name));
            }
            if (axis->whole && value.type != JSON_ARRAY) {
                return err_set(err, ERR_INPUT, "matrix axis '%.*s': expected a list, found %s", STR_ARG(axis->name),
                               json_type_name(value.type));
            }
            if (axis->whole) {
                values = value;
            } else {
                json_push(run->arena, &values, value);
            }
        }
        json_push(run->arena, ret_axes, values);
    }
    return 0;
}

/* The product of the axes; the last axis turns fastest. */
static int multiply_axes(struct run *run, const struct matrix *matrix, const struct json *axes, struct json *items,
                         struct err *err)
{
    if (matrix->axis_count == 0) {
        return 0;
    }
    struct json product = json_array();
    json_push(run->arena, &product, json_object());
    for (size_t a = 0; a < matrix->axis_count; a++) {
        const struct json *values = &axes->u.array.items[a];
        struct json wider = json_array();
        const char *name = arena_str(run->arena, matrix->axes[a].name).p;
        for (size_t i = 0; i < product.u.array.count; i++) {
            for (size_t v = 0; v < values->u.array.count; v++) {
                struct json item = json_copy(run->arena, &product.u.array.items[i]);
                json_set(run->arena, &item, name, values->u.array.items[v]);
                if (push_item(run, &wider, item, err) < 0) {
                    return -1;
                }
            }
        }
        product = wider;
    }
    *items = product;
    return 0;
}

/* Does `item` have every member of `pattern`? */
static bool item_has(const struct json *item, const struct json *pattern)
{
    for (size_t i = 0; i < pattern->u.object.count; i++) {
        const struct json *value = json_get_str(item, pattern->u.object.members[i].key);
        if (value == NULL || !json_equal(value, &pattern->u.object.members[i].value)) {
            return false;
        }
    }
    return true;
}

static int exclude_items(struct run *run, const struct matrix *matrix, const struct expr_env *env, struct json *items,
                         struct err *err)
{
    for (size_t e = 0; e < matrix->exclude_count; e++) {
        struct json pattern;
        if (template_tree_eval(&matrix->exclude[e], env, run->arena, &pattern, err) < 0) {
            return err_add(err, "matrix exclude");
        }
        struct json kept = json_array();
        for (size_t i = 0; i < items->u.array.count; i++) {
            if (pattern.type != JSON_OBJECT || !item_has(&items->u.array.items[i], &pattern)) {
                json_push(run->arena, &kept, items->u.array.items[i]);
            }
        }
        *items = kept;
    }
    return 0;
}

/* As GitHub Actions: an include that agrees with items on all the axes it names adds its other keys to them; one that
 * agrees with none is an item of its own. */
static int include_items(struct run *run, const struct matrix *matrix, const struct expr_env *env, struct json *items,
                         struct err *err)
{
    size_t product_count = items->u.array.count;
    for (size_t n = 0; n < matrix->include_count; n++) {
        struct json extra;
        if (template_tree_eval(&matrix->include[n], env, run->arena, &extra, err) < 0) {
            return err_add(err, "matrix include");
        }
        struct json on_axes = json_object();
        for (size_t a = 0; a < matrix->axis_count; a++) {
            const struct json *value = json_get_str(&extra, matrix->axes[a].name);
            if (value != NULL) {
                json_set(run->arena, &on_axes, arena_str(run->arena, matrix->axes[a].name).p, *value);
            }
        }
        bool matched = false;
        for (size_t i = 0; i < product_count; i++) {
            struct json *item = &items->u.array.items[i];
            if (!item_has(item, &on_axes)) {
                continue;
            }
            matched = true;
            for (size_t m = 0; m < extra.u.object.count; m++) {
                json_set(run->arena, item, extra.u.object.members[m].key.p, extra.u.object.members[m].value);
            }
        }
        if (!matched && push_item(run, items, extra, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int run_expand_matrix(struct run *run, size_t step, struct json **ret_items, size_t *ret_count, struct err *err)
{
    const struct matrix *matrix = run->pipeline->steps[step].matrix;
    struct run_context context = {.run = run, .step = step, .arena = run->arena};
    struct expr_env env = run_context_env(&context);
    struct json items = json_array();
    if (matrix->dynamic != NULL) {
        if (expr_eval(matrix->dynamic, &env, run->arena, &items, err) < 0) {
            return err_add(err, "matrix");
        }
        if (items.type != JSON_ARRAY) {
            return err_set(err, ERR_INPUT, "matrix: expected a list, found %s", json_type_name(items.type));
        }
        if (items.u.array.count > MATRIX_MAX_ITEMS) {
            return err_set(err, ERR_LIMIT, "the matrix has %zu items, more than %d", items.u.array.count,
                           MATRIX_MAX_ITEMS);
        }
    } else {
        struct json axes;
        if (evaluate_axes(run, matrix, &env, &axes, err) < 0 || multiply_axes(run, matrix, &axes, &items, err) < 0 ||
            exclude_items(run, matrix, &env, &items, err) < 0 || include_items(run, matrix, &env, &items, err) < 0) {
            return -1;
        }
    }
    *ret_items = items.u.array.items;
    *ret_count = items.u.array.count;
    return 0;
}
