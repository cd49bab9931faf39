/* SPDX-License-Identifier: Apache-2.0
 * Numbers, carefully: compensated sums, orders, checks and reproducible chance.
 */
#ifndef SLUICE_SHARED_NUMERIC_H
#define SLUICE_SHARED_NUMERIC_H

#include "fault.h"
#include "scratch.h"

#include <stddef.h>
#include <stdint.h>

/* A sum whose rounding errors are carried along (Neumaier 1974): its error does not grow with the
 * number of terms. Start with `= {0}`. */
struct numeric_sum {
    double total;
    double carry;
};
void numeric_sum_add(struct numeric_sum *sum, double value);
double numeric_sum_value(const struct numeric_sum *sum);

/* The sum of `weights`, or `count` when `weights` is NULL. */
double numeric_total(const double *weights, size_t count);
/* The mean of `values` weighted by `weights` (NULL: equally); NaN without any weight. */
double numeric_mean(const double *values, const double *weights, size_t count);

/* The indices of `values` from the greatest to the least (or the reverse), equal values in the order
 * they came. Values must not be NaN. Linear when they are in order already. */
size_t *numeric_order_descending(struct scratch *scratch, const double *values, size_t count);
size_t *numeric_order_ascending(struct scratch *scratch, const double *values, size_t count);

/* Faults as "row 17, column 'predicted': nan is not a finite number"; rows count from 1. */
int numeric_check_finite(const double *values, size_t count, const char *column, struct fault *fault);
/* Weights (NULL is fine): finite, none negative, not all zero. */
int numeric_check_weights(const double *weights, size_t count, struct fault *fault);

/* splitmix64 (Steele, Lea, Flood 2014): the same seed gives the same numbers on every machine. */
struct numeric_random {
    uint64_t state;
};
uint64_t numeric_random_next(struct numeric_random *random);
/* Evenly in [0, bound); bound is at least 1. */
size_t numeric_random_below(struct numeric_random *random, size_t bound);

#endif
