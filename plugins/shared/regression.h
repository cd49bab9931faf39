/* SPDX-License-Identifier: Apache-2.0
 * Metrics of predicted numbers, with the semantics of scikit-learn 1.x. `weights` may be NULL.
 *
 *     MSE, RMSE  mean of (y - f)^2, and its root
 *     MAE        mean of |y - f|
 *     MAPE       mean of |y - f| / max(|y|, 2^-52): a share, not a percentage
 *     R2         1 - sum (y - f)^2 / sum (y - mean y)^2; NaN for fewer than two rows; when every y is the
 *                same, 1 for a perfect prediction and 0 for any other
 *     residual   y - f
 */
#ifndef SLUICE_SHARED_REGRESSION_H
#define SLUICE_SHARED_REGRESSION_H

#include "fault.h"
#include "scratch.h"

#include <stddef.h>

struct regression {
    size_t rows;
    const double *labels;      /* y */
    const double *predictions; /* f */
    const double *weights;
};

/* Faults name row and column ("label", "prediction", "weight") of what is not finite, or negative. */
int regression_check(const struct regression *data, struct fault *fault);

double regression_mse(const struct regression *data);
double regression_rmse(const struct regression *data);
double regression_mae(const struct regression *data);
double regression_mape(const struct regression *data);
double regression_r2(const struct regression *data);
double regression_max_error(const struct regression *data);

/* The residuals of the rows, in `scratch`. */
double *regression_residuals(struct scratch *scratch, const struct regression *data);
/* The q-quantile (0 to 1) of `values`. Without weights: linear between the neighbours (numpy's
 * default). With weights: the least value at which the weight so far reaches q of the whole (numpy's
 * "inverted_cdf"). NaN without rows. */
double regression_quantile(struct scratch *scratch, const double *values, const double *weights, size_t rows,
                           double q);

#endif
