/* SPDX-License-Identifier: Apache-2.0
 * Metrics of predicted probabilities, with the semantics of scikit-learn 1.x.
 *
 *     log loss  mean of -ln(p of the row's label), p clipped to [eps, 1 - eps], eps = 2^-52
 *     Brier     mean of the sum over classes of (1 if it is the row's label, else 0, minus p)^2;
 *               halved for two classes, so that it is (y - p)^2 of the positive class
 *
 * Both are weighted means when there are weights.
 */
#ifndef SLUICE_SHARED_PROBABILITY_H
#define SLUICE_SHARED_PROBABILITY_H

#include "fault.h"
#include "scratch.h"

#include <stddef.h>

/* One column: faults name row and column of what is not finite or outside [0, 1]. */
int probability_check_column(const double *column, const char *name, size_t rows, struct fault *fault);
/* columns[c][row] is the probability of class c. Faults name row and column when a probability is not
 * finite or outside [0, 1], or when a row's do not add up to 1 within 1e-5. `names` are the columns'. */
int probability_check(const double *const *columns, const char *const *names, size_t classes, size_t rows,
                      struct fault *fault);

double probability_log_loss(const size_t *labels, const double *const *columns, const double *weights, size_t rows);
double probability_brier(const size_t *labels, const double *const *columns, const double *weights, size_t rows,
                         size_t classes);

/* How often the positive class came true, by predicted probability: `bins` intervals of equal width,
 * each closed on the left, the last one on both sides. Bins without weight are left out. */
struct probability_bin {
    double predicted; /* mean probability in the bin */
    double observed;  /* share of positives in the bin */
    double weight;
};
/* Returns the number of bins put into the array (room for `bins`). */
size_t probability_calibration(const size_t *labels, size_t positive, const double *column, const double *weights,
                               size_t rows, size_t bins, struct probability_bin *ret_bins);

#endif
