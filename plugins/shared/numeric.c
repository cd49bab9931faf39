/* SPDX-License-Identifier: Apache-2.0 */
#include "numeric.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

void numeric_sum_add(struct numeric_sum *sum, double value)
{
    double total = sum->total + value;
    if (fabs(sum->total) >= fabs(value)) {
        sum->carry += (sum->total - total) + value;
    } else {
        sum->carry += (value - total) + sum->total;
    }
    sum->total = total;
}

double numeric_sum_value(const struct numeric_sum *sum)
{
    return sum->total + sum->carry;
}

double numeric_total(const double *weights, size_t count)
{
    if (weights == NULL) {
        return (double)count;
    }
    struct numeric_sum sum = {0};
    for (size_t i = 0; i < count; i++) {
        numeric_sum_add(&sum, weights[i]);
    }
    return numeric_sum_value(&sum);
}

double numeric_mean(const double *values, const double *weights, size_t count)
{
    struct numeric_sum sum = {0};
    for (size_t i = 0; i < count; i++) {
        numeric_sum_add(&sum, weights == NULL ? values[i] : values[i] * weights[i]);
    }
    double total = numeric_total(weights, count);
    return total > 0 ? numeric_sum_value(&sum) / total : NAN;
}

static int compare(const void *a, const void *b, void *values_of)
{
    const double *values = values_of;
    size_t i = *(const size_t *)a;
    size_t j = *(const size_t *)b;
    if (values[i] != values[j]) {
        return values[i] < values[j] ? -1 : 1;
    }
    return i < j ? -1 : 1;
}

static int compare_descending(const void *a, const void *b, void *values_of)
{
    const double *values = values_of;
    size_t i = *(const size_t *)a;
    size_t j = *(const size_t *)b;
    if (values[i] != values[j]) {
        return values[i] > values[j] ? -1 : 1;
    }
    return i < j ? -1 : 1;
}

static size_t *order(struct scratch *scratch, const double *values, size_t count, bool descending)
{
    size_t *indices = scratch_array(scratch, count, sizeof *indices);
    bool sorted = true;
    for (size_t i = 0; i < count; i++) {
        indices[i] = i;
        if (i > 0 && (descending ? values[i - 1] < values[i] : values[i - 1] > values[i])) {
            sorted = false;
        }
    }
    if (!sorted) {
        union {
            const double *from;
            void *to;
        } context = {.from = values};
        qsort_r(indices, count, sizeof *indices, descending ? compare_descending : compare, context.to);
    }
    return indices;
}

size_t *numeric_order_descending(struct scratch *scratch, const double *values, size_t count)
{
    return order(scratch, values, count, true);
}

size_t *numeric_order_ascending(struct scratch *scratch, const double *values, size_t count)
{
    return order(scratch, values, count, false);
}

int numeric_check_finite(const double *values, size_t count, const char *column, struct fault *fault)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            return fault_set(fault, "row %zu, column '%.100s': %s is not a finite number", i + 1, column,
                             isnan(values[i]) ? "nan" : values[i] > 0 ? "inf" : "-inf");
        }
    }
    return 0;
}

int numeric_check_weights(const double *weights, size_t count, struct fault *fault)
{
    if (weights == NULL) {
        return 0;
    }
    if (numeric_check_finite(weights, count, "weight", fault) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (weights[i] < 0) {
            return fault_set(fault, "row %zu, column 'weight': %g is negative", i + 1, weights[i]);
        }
    }
    if (count > 0 && numeric_total(weights, count) <= 0) {
        return fault_set(fault, "all weights are zero");
    }
    return 0;
}

uint64_t numeric_random_next(struct numeric_random *random)
{
    random->state += 0x9E3779B97F4A7C15U;
    uint64_t z = random->state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

size_t numeric_random_below(struct numeric_random *random, size_t bound)
{
    /* Numbers above the last whole multiple of bound would favour the small ones: draw again. */
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    uint64_t drawn = numeric_random_next(random);
    while (drawn >= limit) {
        drawn = numeric_random_next(random);
    }
    return (size_t)(drawn % bound);
}
