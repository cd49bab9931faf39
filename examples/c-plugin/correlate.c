/* SPDX-License-Identifier: Apache-2.0
 * A plugin of one's own, built with step.h and nothing else of sluice: Pearson's correlation of two lists.
 */
#include "step.h"

#include <math.h>

#define PARAMS(P)                                                                                                      \
    P(ANY, x, "required; shape=list", "The first list of numbers.")                                                    \
    P(ANY, y, "required; shape=list", "The second, as long as the first.")                                             \
    P(STRING, metric, "default=correlation", "What the metric is called.")
#define OUTPUTS(O)                                                                                                     \
    O(NUMBER, correlation, "From -1 to 1.")                                                                            \
    O(INT, n, "How many pairs it rests on.")

STEP_PARAMS_STRUCT(correlate_params, PARAMS);

static int check_numbers(const struct step_host *host, const char *name, const struct step_value *list)
{
    for (size_t i = 0; i < list->count; i++) {
        enum step_type type = list->items[i].type;
        if (type != STEP_TYPE_INT && type != STEP_TYPE_NUMBER) {
            (void)step_fail(host, "%s: item %zu is no number", name, i + 1);
            return -1;
        }
    }
    return 0;
}

static double mean(const struct step_value *list)
{
    double sum = 0;
    for (size_t i = 0; i < list->count; i++) {
        sum += list->items[i].number;
    }
    return sum / (double)list->count;
}

static enum step_result run(const struct step_host *host, const void *params)
{
    const struct correlate_params *p = params;
    if (p->x->count != p->y->count || p->x->count < 2) {
        return step_fail(host, "x has %zu items and y %zu: expected as many, at least two", p->x->count, p->y->count);
    }
    if (check_numbers(host, "x", p->x) < 0 || check_numbers(host, "y", p->y) < 0) {
        return STEP_FAILED;
    }
    double mean_x = mean(p->x);
    double mean_y = mean(p->y);
    double xy = 0;
    double xx = 0;
    double yy = 0;
    for (size_t i = 0; i < p->x->count; i++) {
        double dx = p->x->items[i].number - mean_x;
        double dy = p->y->items[i].number - mean_y;
        xy += dx * dy;
        xx += dx * dx;
        yy += dy * dy;
    }
    if (xx <= 0 || yy <= 0) {
        return step_fail(host, "%s is constant: there is no correlation", xx <= 0 ? "x" : "y");
    }
    double correlation = xy / sqrt(xx * yy);
    (void)host->metric(host, p->metric, correlation, 0, 0);
    (void)step_output_number(host, "correlation", correlation);
    (void)step_output_int(host, "n", (int64_t)p->x->count);
    return STEP_OK;
}

STEP_PLUGIN(correlate, "1.0", "Pearson's correlation of two lists.", STEP_REPEATABLE, correlate_params, PARAMS, OUTPUTS,
            run)
