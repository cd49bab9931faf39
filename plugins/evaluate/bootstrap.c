/* SPDX-License-Identifier: Apache-2.0
 * Rows are put in the order that the metric sorts by, once: a resample then is in that order already, and
 * no metric has to sort again. */
#include "bootstrap.h"

#include "measures.h"
#include "numeric.h"
#include "regression.h"

#include <math.h>
#include <string.h>

static const size_t *useful_order(struct scratch *scratch, const struct sample *sample)
{
    if (sample_is_binary(sample) && sample->scores != NULL) {
        return numeric_order_descending(scratch, sample->scores[sample->positive], sample->rows);
    }
    if (!sample->classifier) {
        struct regression line = {sample->rows, sample->targets, sample->estimates, NULL};
        return numeric_order_ascending(scratch, regression_residuals(scratch, &line), sample->rows);
    }
    size_t *order = scratch_array(scratch, sample->rows, sizeof *order);
    for (size_t i = 0; i < sample->rows; i++) {
        order[i] = i;
    }
    return order;
}

/* Fills `drawn` with as many rows as there are, ascending in `order`. */
static void draw(struct numeric_random *random, const size_t *order, size_t rows, uint32_t *times, size_t *drawn)
{
    memset(times, 0, rows * sizeof *times);
    for (size_t i = 0; i < rows; i++) {
        times[numeric_random_below(random, rows)]++;
    }
    size_t count = 0;
    for (size_t i = 0; i < rows; i++) {
        for (uint32_t t = 0; t < times[i]; t++) {
            drawn[count++] = order[i];
        }
    }
}

double bootstrap_share(const struct sample *sample, const struct threshold *rule, double limit, uint64_t seed,
                       struct bootstrap_stop stop)
{
    struct scratch kept = {0};
    struct scratch once = {0};
    struct numeric_random random = {seed};
    const size_t *order = useful_order(&kept, sample);
    uint32_t *times = scratch_array(&kept, sample->rows, sizeof *times);
    size_t *drawn = scratch_array(&kept, sample->rows, sizeof *drawn);
    size_t held = 0;
    bool stopped = sample->rows == 0;
    for (size_t i = 0; i < BOOTSTRAP_RESAMPLES && !stopped; i++) {
        draw(&random, order, sample->rows, times, drawn);
        struct sample resample = sample_take(&once, sample, drawn, sample->rows);
        struct measure measure = {.value = NAN};
        bool known = measures_one(&once, &resample, rule->metric, &measure);
        held += known && !isnan(measure.value) && threshold_holds(rule, measure.value, limit) ? 1 : 0;
        scratch_reset(&once);
        stopped = stop.asked != NULL && stop.asked(stop.context);
    }
    scratch_free(&once);
    scratch_free(&kept);
    return stopped ? NAN : (double)held / BOOTSTRAP_RESAMPLES;
}
