/* SPDX-License-Identifier: Apache-2.0 */
#include "ranking.h"

#include "numeric.h"

#include <math.h>

struct ranking_curve ranking_curve_of(struct scratch *scratch, const size_t *labels, size_t positive,
                                      const double *scores, const double *weights, size_t rows)
{
    const size_t *order = numeric_order_descending(scratch, scores, rows);
    double *true_positives = scratch_array(scratch, rows, sizeof *true_positives);
    double *false_positives = scratch_array(scratch, rows, sizeof *false_positives);
    double *thresholds = scratch_array(scratch, rows, sizeof *thresholds);
    struct numeric_sum positives = {0};
    struct numeric_sum negatives = {0};
    size_t steps = 0;
    for (size_t i = 0; i < rows; i++) {
        size_t row = order[i];
        double weight = weights == NULL ? 1 : weights[row];
        if (weight == 0) {
            continue;
        }
        numeric_sum_add(labels[row] == positive ? &positives : &negatives, weight);
        if (steps == 0 || thresholds[steps - 1] != scores[row]) {
            thresholds[steps++] = scores[row];
        }
        true_positives[steps - 1] = numeric_sum_value(&positives);
        false_positives[steps - 1] = numeric_sum_value(&negatives);
    }
    return (struct ranking_curve){.steps = steps,
                                  .true_positives = true_positives,
                                  .false_positives = false_positives,
                                  .thresholds = thresholds,
                                  .positives = numeric_sum_value(&positives),
                                  .negatives = numeric_sum_value(&negatives)};
}

double ranking_roc_auc(const struct ranking_curve *curve)
{
    if (!(curve->positives > 0) || !(curve->negatives > 0)) {
        return NAN;
    }
    struct numeric_sum area = {0};
    double before_true = 0;
    double before_false = 0;
    for (size_t i = 0; i < curve->steps; i++) {
        double height = (before_true + curve->true_positives[i]) / 2 / curve->positives;
        numeric_sum_add(&area, (curve->false_positives[i] - before_false) / curve->negatives * height);
        before_true = curve->true_positives[i];
        before_false = curve->false_positives[i];
    }
    return numeric_sum_value(&area);
}

double ranking_pr_auc(const struct ranking_curve *curve)
{
    if (!(curve->positives > 0)) {
        return 0;
    }
    struct numeric_sum area = {0};
    double before = 0;
    for (size_t i = 0; i < curve->steps; i++) {
        double gain = (curve->true_positives[i] - before) / curve->positives;
        double above = curve->true_positives[i] + curve->false_positives[i];
        numeric_sum_add(&area, gain * curve->true_positives[i] / above);
        before = curve->true_positives[i];
    }
    return numeric_sum_value(&area);
}

double ranking_average(struct scratch *scratch, enum ranking_metric metric, enum ranking_average average,
                       const size_t *labels, const double *const *scores, const double *weights, size_t rows,
                       size_t classes)
{
    struct numeric_sum sum = {0};
    struct numeric_sum share = {0};
    for (size_t c = 0; c < classes; c++) {
        struct ranking_curve curve = ranking_curve_of(scratch, labels, c, scores[c], weights, rows);
        double weight = average == RANKING_WEIGHTED ? curve.positives : 1;
        if (weight == 0) {
            continue;
        }
        double value = metric == RANKING_ROC_AUC ? ranking_roc_auc(&curve) : ranking_pr_auc(&curve);
        numeric_sum_add(&sum, weight * value);
        numeric_sum_add(&share, weight);
    }
    double total = numeric_sum_value(&share);
    return total > 0 ? numeric_sum_value(&sum) / total : NAN;
}
