/* SPDX-License-Identifier: Apache-2.0 */
#include "probability.h"

#include "numeric.h"

#include <float.h>
#include <math.h>

int probability_check_column(const double *column, const char *name, size_t rows, struct fault *fault)
{
    if (numeric_check_finite(column, rows, name, fault) < 0) {
        return -1;
    }
    for (size_t i = 0; i < rows; i++) {
        if (column[i] < 0 || column[i] > 1) {
            return fault_set(fault, "row %zu, column '%.100s': %g is no probability: expected 0 to 1", i + 1, name,
                             column[i]);
        }
    }
    return 0;
}

int probability_check(const double *const *columns, const char *const *names, size_t classes, size_t rows,
                      struct fault *fault)
{
    for (size_t c = 0; c < classes; c++) {
        if (probability_check_column(columns[c], names[c], rows, fault) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < rows; i++) {
        struct numeric_sum sum = {0};
        for (size_t c = 0; c < classes; c++) {
            numeric_sum_add(&sum, columns[c][i]);
        }
        if (fabs(numeric_sum_value(&sum) - 1) > 1e-5) {
            return fault_set(fault, "row %zu: the probabilities of the %zu classes add up to %g: expected 1", i + 1,
                             classes, numeric_sum_value(&sum));
        }
    }
    return 0;
}

double probability_log_loss(const size_t *labels, const double *const *columns, const double *weights, size_t rows)
{
    struct numeric_sum loss = {0};
    for (size_t i = 0; i < rows; i++) {
        double p = columns[labels[i]][i];
        p = p < DBL_EPSILON ? DBL_EPSILON : p > 1 - DBL_EPSILON ? 1 - DBL_EPSILON : p;
        numeric_sum_add(&loss, -log(p) * (weights == NULL ? 1 : weights[i]));
    }
    double total = numeric_total(weights, rows);
    return total > 0 ? numeric_sum_value(&loss) / total : NAN;
}

double probability_brier(const size_t *labels, const double *const *columns, const double *weights, size_t rows,
                         size_t classes)
{
    struct numeric_sum loss = {0};
    for (size_t i = 0; i < rows; i++) {
        double row = 0;
        for (size_t c = 0; c < classes; c++) {
            double miss = (labels[i] == c ? 1.0 : 0.0) - columns[c][i];
            row += miss * miss;
        }
        numeric_sum_add(&loss, row * (weights == NULL ? 1 : weights[i]));
    }
    double total = numeric_total(weights, rows);
    double score = total > 0 ? numeric_sum_value(&loss) / total : NAN;
    return classes < 3 ? score / 2 : score;
}

size_t probability_calibration(const size_t *labels, size_t positive, const double *column, const double *weights,
                               size_t rows, size_t bins, struct probability_bin *ret_bins)
{
    for (size_t b = 0; b < bins; b++) {
        ret_bins[b] = (struct probability_bin){0};
    }
    for (size_t i = 0; i < rows; i++) {
        size_t b = (size_t)(column[i] * (double)bins);
        b = b >= bins ? bins - 1 : b;
        double weight = weights == NULL ? 1 : weights[i];
        ret_bins[b].predicted += weight * column[i];
        ret_bins[b].observed += labels[i] == positive ? weight : 0;
        ret_bins[b].weight += weight;
    }
    size_t kept = 0;
    for (size_t b = 0; b < bins; b++) {
        if (ret_bins[b].weight > 0) {
            struct probability_bin bin = ret_bins[b];
            ret_bins[kept++] = (struct probability_bin){
                .predicted = bin.predicted / bin.weight, .observed = bin.observed / bin.weight, .weight = bin.weight};
        }
    }
    return kept;
}
