/* SPDX-License-Identifier: Apache-2.0 */
#include "grid.h"

#include "value.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* ---- names -------------------------------------------------------------------------------------- */

static int check_name(const char *what, const char *name, struct fault *fault)
{
    static const char *const taken[] = {"dir", "index", "params"};
    bool good = name[0] != '\0' && !isdigit((unsigned char)name[0]);
    for (const char *p = name; *p != '\0'; p++) {
        good = good && (isalnum((unsigned char)*p) || *p == '_');
    }
    if (!good) {
        return fault_set(fault, "%s: '%.60s': expected a name of letters, digits and '_', which starts with no digit",
                         what, name);
    }
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        if (strcasecmp(name, taken[i]) == 0) {
            return fault_set(fault, "%s: '%.60s' has a meaning of its own in commands: expected another name", what,
                             name);
        }
    }
    return 0;
}

static int check_names(const char *what, const struct step_value *map, struct fault *fault)
{
    for (size_t i = 0; i < map->count; i++) {
        if (check_name(what, map->keys[i], fault) < 0) {
            return -1;
        }
        for (size_t k = 0; k < i; k++) {
            if (strcasecmp(map->keys[i], map->keys[k]) == 0) {
                return fault_set(fault, "%s: '%.60s' and '%.60s' differ in case alone: expected different names", what,
                                 map->keys[k], map->keys[i]);
            }
        }
    }
    return 0;
}

/* ---- candidates --------------------------------------------------------------------------------- */

/* The fixed params with those of the candidate behind them; one of both is the candidate's. */
static struct step_value merge(struct scratch *scratch, const struct step_value *fixed, const char *const *keys,
                               const struct step_value *items, size_t count)
{
    size_t shared = fixed == NULL ? 0 : fixed->count;
    const char **all_keys = scratch_array(scratch, shared + count, sizeof *all_keys);
    struct step_value *all_items = scratch_array(scratch, shared + count, sizeof *all_items);
    size_t n = 0;
    for (size_t i = 0; i < shared; i++) {
        bool replaced = false;
        for (size_t k = 0; k < count; k++) {
            replaced = replaced || strcmp(fixed->keys[i], keys[k]) == 0;
        }
        if (!replaced) {
            all_keys[n] = fixed->keys[i];
            all_items[n++] = fixed->items[i];
        }
    }
    for (size_t k = 0; k < count; k++) {
        all_keys[n] = keys[k];
        all_items[n++] = items[k];
    }
    return (struct step_value){.type = STEP_TYPE_MAP, .count = n, .items = all_items, .keys = all_keys};
}

static int count_combinations(const struct step_value *axes, size_t most, size_t *ret_count, struct fault *fault)
{
    size_t count = 1;
    if (axes->type != STEP_TYPE_MAP || axes->count == 0) {
        return fault_set(fault, "grid: expected a map NAME: list of values, got %s",
                         axes->type == STEP_TYPE_MAP ? "an empty one" : value_type_name(axes));
    }
    for (size_t i = 0; i < axes->count; i++) {
        if (axes->items[i].type != STEP_TYPE_LIST || axes->items[i].count == 0) {
            return fault_set(fault, "grid: '%.60s': expected a list of values, got %s", axes->keys[i],
                             axes->items[i].type == STEP_TYPE_LIST ? "an empty one" : value_type_name(&axes->items[i]));
        }
        /* Each factor is bounded by the memory it stands in, `count` by the check: no overflow. */
        count *= axes->items[i].count;
        if (count > most) {
            return fault_set(
                fault, "grid: it makes more than %zu candidates: expected fewer, or a higher max_candidates", most);
        }
    }
    *ret_count = count;
    return 0;
}

static int expand_axes(struct scratch *scratch, const struct step_value *axes, const struct step_value *fixed,
                       size_t most, struct grid *grid, struct fault *fault)
{
    size_t count = 0;
    if (count_combinations(axes, most, &count, fault) < 0 || check_names("grid", axes, fault) < 0) {
        return -1;
    }
    struct step_value *candidates = scratch_array(scratch, count, sizeof *candidates);
    struct step_value *chosen = scratch_array(scratch, axes->count, sizeof *chosen);
    for (size_t i = 0; i < count; i++) {
        size_t rest = i;
        for (size_t axis = axes->count; axis > 0; axis--) {
            const struct step_value *values = &axes->items[axis - 1];
            chosen[axis - 1] = values->items[rest % values->count];
            rest /= values->count;
        }
        candidates[i] = merge(scratch, fixed, axes->keys, chosen, axes->count);
    }
    *grid = (struct grid){candidates, count};
    return 0;
}

static bool same_keys(const struct step_value *a, const struct step_value *b)
{
    for (size_t i = 0; i < a->count; i++) {
        if (step_get(b, a->keys[i]) == NULL) {
            return false;
        }
    }
    return a->count == b->count;
}

static int expand_list(struct scratch *scratch, const struct step_value *list, const struct step_value *fixed,
                       size_t most, struct grid *grid, struct fault *fault)
{
    if (list->type != STEP_TYPE_LIST || list->count == 0 || list->count > most) {
        return fault_set(fault, "candidates: expected a list of 1 to %zu maps", most);
    }
    struct step_value *candidates = scratch_array(scratch, list->count, sizeof *candidates);
    for (size_t i = 0; i < list->count; i++) {
        const struct step_value *item = &list->items[i];
        if (item->type != STEP_TYPE_MAP) {
            return fault_set(fault, "candidates: item %zu is %s: expected a map of params", i + 1,
                             value_type_name(item));
        }
        if (check_names("candidates", item, fault) < 0) {
            return -1;
        }
        candidates[i] = merge(scratch, fixed, item->keys, item->items, item->count);
        if (!same_keys(&candidates[0], &candidates[i])) {
            return fault_set(fault, "candidates: item %zu has other params than the first: expected the same names",
                             i + 1);
        }
    }
    *grid = (struct grid){candidates, list->count};
    return 0;
}

int grid_expand(struct scratch *scratch, const struct step_value *axes, const struct step_value *list,
                const struct step_value *fixed, size_t most, struct grid *ret_grid, struct fault *fault)
{
    if ((axes == NULL) == (list == NULL)) {
        return fault_set(fault, "%s of grid and candidates: expected one of them", axes == NULL ? "none" : "both");
    }
    if (fixed != NULL && fixed->type != STEP_TYPE_MAP) {
        return fault_set(fault, "params: expected a map, got %s", value_type_name(fixed));
    }
    if (fixed != NULL && check_names("params", fixed, fault) < 0) {
        return -1;
    }
    return axes != NULL ? expand_axes(scratch, axes, fixed, most, ret_grid, fault)
                        : expand_list(scratch, list, fixed, most, ret_grid, fault);
}
