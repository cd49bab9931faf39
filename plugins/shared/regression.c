/* SPDX-License-Identifier: Apache-2.0 */
#include "regression.h"

#include "numeric.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

int regression_check(const struct regression *data, struct fault *fault)
{
    if (numeric_check_finite(data->labels, data->rows, "label", fault) < 0 ||
        numeric_check_finite(data->predictions, data->rows, "prediction", fault) < 0) {
        return -1;
    }
    return numeric_check_weights(data->weights, data->rows, fault);
}

static double weight_of(const struct regression *data, size_t row)
{
    return data->weights == NULL ? 1 : data->weights[row];
}

static double mean_of(const struct regression *data, double (*loss)(double label, double prediction))
{
    struct numeric_sum sum = {0};
    for (size_t i = 0; i < data->rows; i++) {
        numeric_sum_add(&sum, loss(data->labels[i], data->predictions[i]) * weight_of(data, i));
    }
    double total = numeric_total(data->weights, data->rows);
    return total > 0 ? numeric_sum_value(&sum) / total : NAN;
}

static double squared(double label, double prediction)
{
    return (label - prediction) * (label - prediction);
}

static double absolute(double label, double prediction)
{
    return fabs(label - prediction);
}

static double relative(double label, double prediction)
{
    return fabs(label - prediction) / fmax(fabs(label), DBL_EPSILON);
}

double regression_mse(const struct regression *data)
{
    return mean_of(data, squared);
}

double regression_rmse(const struct regression *data)
{
    return sqrt(regression_mse(data));
}

double regression_mae(const struct regression *data)
{
    return mean_of(data, absolute);
}

double regression_mape(const struct regression *data)
{
    return mean_of(data, relative);
}

double regression_max_error(const struct regression *data)
{
    double worst = data->rows == 0 ? NAN : 0;
    for (size_t i = 0; i < data->rows; i++) {
        worst = fmax(worst, fabs(data->labels[i] - data->predictions[i]));
    }
    return worst;
}

/* The rounded mean of equal numbers may differ from them by a bit, which would make a huge quotient of
 * nothing: equality is looked at directly. Rows without weight do not count. */
static bool is_constant(const struct regression *data)
{
    bool seen = false;
    double first = 0;
    for (size_t i = 0; i < data->rows; i++) {
        if (weight_of(data, i) > 0) {
            if (seen && data->labels[i] != first) {
                return false;
            }
            first = data->labels[i];
            seen = true;
        }
    }
    return true;
}

double regression_r2(const struct regression *data)
{
    if (data->rows < 2 || !(numeric_total(data->weights, data->rows) > 0)) {
        return NAN;
    }
    double mean = numeric_mean(data->labels, data->weights, data->rows);
    struct numeric_sum unexplained = {0};
    struct numeric_sum spread = {0};
    for (size_t i = 0; i < data->rows; i++) {
        double weight = weight_of(data, i);
        numeric_sum_add(&unexplained, weight * squared(data->labels[i], data->predictions[i]));
        numeric_sum_add(&spread, weight * squared(data->labels[i], mean));
    }
    double numerator = numeric_sum_value(&unexplained);
    double denominator = is_constant(data) ? 0 : numeric_sum_value(&spread);
    if (numerator == 0) {
        return 1;
    }
    return denominator == 0 ? 0 : 1 - numerator / denominator;
}

double *regression_residuals(struct scratch *scratch, const struct regression *data)
{
    double *residuals = scratch_array(scratch, data->rows, sizeof *residuals);
    for (size_t i = 0; i < data->rows; i++) {
        residuals[i] = data->labels[i] - data->predictions[i];
    }
    return residuals;
}

static double linear_quantile(const double *values, const size_t *order, size_t rows, double q)
{
    double place = q * (double)(rows - 1);
    size_t below = (size_t)place;
    size_t above = below + 1 < rows ? below + 1 : below;
    double share = place - (double)below;
    double low = values[order[below]];
    double high = values[order[above]];
    return share < 0.5 ? low + (high - low) * share : high - (high - low) * (1 - share);
}

double regression_quantile(struct scratch *scratch, const double *values, const double *weights, size_t rows,
                           double q)
{
    double total = numeric_total(weights, rows);
    if (!(total > 0)) {
        return NAN;
    }
    const size_t *order = numeric_order_ascending(scratch, values, rows);
    if (weights == NULL) {
        return linear_quantile(values, order, rows, q);
    }
    struct numeric_sum so_far = {0};
    double reached = NAN;
    for (size_t i = 0; i < rows; i++) {
        if (weights[order[i]] > 0) {
            numeric_sum_add(&so_far, weights[order[i]]);
            reached = values[order[i]];
            if (numeric_sum_value(&so_far) / total >= q) {
                break;
            }
        }
    }
    return reached;
}
