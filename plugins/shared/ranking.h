/* SPDX-License-Identifier: Apache-2.0
 * Metrics of an order: how well a score puts the positives before the rest. Semantics of scikit-learn.
 *
 * Rows with equal scores are one step of the curve, and rows of weight zero are none. With TP and FP the
 * weights above a threshold, P and N the whole weights:
 *
 *     ROC AUC   the area under TP/P over FP/N by trapezoids; NaN when one of the classes has no weight
 *     PR AUC    average precision: the sum over thresholds of (gain in TP/P) * TP/(TP+FP), without
 *               interpolation; 0 without positives
 *
 * For several classes, each against the rest: MACRO is the mean, WEIGHTED the mean weighted by the
 * labels' weight, where a class without labels counts nothing (in MACRO it makes ROC AUC NaN).
 */
#ifndef SLUICE_SHARED_RANKING_H
#define SLUICE_SHARED_RANKING_H

#include "scratch.h"

#include <stdbool.h>
#include <stddef.h>

/* The steps of the curve, from the strictest threshold to the loosest. */
struct ranking_curve {
    size_t steps;
    const double *true_positives;  /* weight of the positives at or above the threshold */
    const double *false_positives;
    const double *thresholds;
    double positives; /* all weight of the positives */
    double negatives;
};

/* A row is positive when its label is `positive`. Scores must be finite; `weights` may be NULL. */
struct ranking_curve ranking_curve_of(struct scratch *scratch, const size_t *labels, size_t positive,
                                      const double *scores, const double *weights, size_t rows);
double ranking_roc_auc(const struct ranking_curve *curve);
double ranking_pr_auc(const struct ranking_curve *curve);

enum ranking_average { RANKING_MACRO, RANKING_WEIGHTED };
enum ranking_metric { RANKING_ROC_AUC, RANKING_PR_AUC };

/* One class against the rest, averaged; scores[c] is the column of scores of class c. */
double ranking_average(struct scratch *scratch, enum ranking_metric metric, enum ranking_average average,
                       const size_t *labels, const double *const *scores, const double *weights, size_t rows,
                       size_t classes);

#endif
