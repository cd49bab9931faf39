/* SPDX-License-Identifier: Apache-2.0
 * Metrics of a confusion matrix, with the semantics of scikit-learn 1.x at zero_division=0.
 *
 * Classes are numbers from 0. A class that stands in no row, neither as label nor as prediction, takes
 * no part in averages. With C[t][p] the weight of the rows labelled t and predicted p:
 *
 *     accuracy           sum of C[c][c] / sum of C
 *     balanced accuracy  mean of recall(c) over the classes whose labels have weight
 *     precision(c)       C[c][c] / sum over t of C[t][c]      0 when nothing is predicted as c
 *     recall(c)          C[c][c] / sum over p of C[c][p]      0 when nothing is labelled c
 *     f1(c)              2 C[c][c] / (labelled c + predicted c)   0 when there are neither
 *
 * Averages: MACRO is the mean over the classes, WEIGHTED the mean weighted by the labels' weight,
 * MICRO counts all classes together (and equals accuracy when each row has one label).
 */
#ifndef SLUICE_SHARED_CLASSIFICATION_H
#define SLUICE_SHARED_CLASSIFICATION_H

#include "fault.h"
#include "scratch.h"

#include <stdbool.h>
#include <stddef.h>

struct classification {
    size_t classes;
    size_t present_count;
    const bool *present;    /* of each class: does it stand in any row */
    const double *confusion;/* classes x classes, row: label, column: prediction */
    const double *labelled; /* of each class: the weight of its labels */
    const double *predicted;/* of each class: the weight of its predictions */
    double total;
};

enum classification_average { CLASSIFICATION_MACRO, CLASSIFICATION_WEIGHTED, CLASSIFICATION_MICRO };

/* Counts `rows` labels and predictions, each below `classes`; `weights` may be NULL. A number beyond
 * `classes`, or a weight that is no finite number >= 0, is a fault that names the row. */
int classification_count(struct scratch *scratch, const size_t *labels, const size_t *predictions,
                         const double *weights, size_t rows, size_t classes, struct classification *ret_counts,
                         struct fault *fault);

/* NaN when the rows have no weight at all. */
double classification_accuracy(const struct classification *counts);
double classification_balanced_accuracy(const struct classification *counts);

double classification_precision(const struct classification *counts, size_t class);
double classification_recall(const struct classification *counts, size_t class);
double classification_f1(const struct classification *counts, size_t class);

double classification_precision_average(const struct classification *counts, enum classification_average average);
double classification_recall_average(const struct classification *counts, enum classification_average average);
double classification_f1_average(const struct classification *counts, enum classification_average average);

#endif
