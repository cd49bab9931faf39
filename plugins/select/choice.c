/* SPDX-License-Identifier: Apache-2.0 */
#include "choice.h"

#include <math.h>
#include <string.h>

static const char *type_name(enum step_type type)
{
    static const char *const names[] = {"null", "a boolean", "a number", "a number", "a text", "a list", "a map"};
    return names[type];
}

/* JSON has no NaN: records write it as text, as MLflow does. */
static bool is_no_number(const struct step_value *value)
{
    static const char *const texts[] = {"NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; value->type == STEP_TYPE_STRING && i < 3; i++) {
        if (strcmp(value->string, texts[i]) == 0) {
            return true;
        }
    }
    return value->type == STEP_TYPE_NUMBER && !isfinite(value->number);
}

static int check(const struct step_value *value, size_t place, struct fault *fault)
{
    if (is_no_number(value)) {
        return fault_set(fault, "metric: item %zu is %s: it cannot be compared", place,
                         value->type == STEP_TYPE_STRING ? value->string : isnan(value->number) ? "NaN" : "infinite");
    }
    if (value->type != STEP_TYPE_NULL && value->type != STEP_TYPE_INT && value->type != STEP_TYPE_NUMBER) {
        return fault_set(fault, "metric: item %zu is %s: expected a number or null", place, type_name(value->type));
    }
    return 0;
}

int choice_best(const struct step_value *metrics, bool greatest, bool last, size_t *ret_index, struct fault *fault)
{
    if (metrics == NULL || metrics->type != STEP_TYPE_LIST) {
        return fault_set(fault, "metric: expected a list of numbers, got %s",
                         type_name(metrics == NULL ? STEP_TYPE_NULL : metrics->type));
    }
    bool found = false;
    size_t best = 0;
    for (size_t i = 0; i < metrics->count; i++) {
        const struct step_value *value = &metrics->items[i];
        if (check(value, i, fault) < 0) {
            return -1;
        }
        if (value->type == STEP_TYPE_NULL) {
            continue;
        }
        double lead = found ? value->number - metrics->items[best].number : 1;
        lead = found && !greatest ? -lead : lead;
        if (!found || lead > 0 || (lead == 0 && last)) {
            best = i;
            found = true;
        }
    }
    if (!found) {
        return fault_set(fault, metrics->count == 0 ? "metric: the list is empty: there is nothing to select from"
                                                    : "metric: all items are null: no candidate has this metric");
    }
    *ret_index = best;
    return 0;
}
