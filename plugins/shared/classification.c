/* SPDX-License-Identifier: Apache-2.0 */
#include "classification.h"

#include "numeric.h"

#include <math.h>

static int check_rows(const size_t *labels, const size_t *predictions, const double *weights, size_t rows,
                      size_t classes, struct fault *fault)
{
    for (size_t i = 0; i < rows; i++) {
        if (labels[i] >= classes || predictions[i] >= classes) {
            return fault_set(fault, "row %zu: class %zu is beyond the %zu classes", i + 1,
                             labels[i] >= classes ? labels[i] : predictions[i], classes);
        }
    }
    return numeric_check_weights(weights, rows, fault);
}

static void sum_margins(struct scratch *scratch, struct classification *counts)
{
    double *labelled = scratch_array(scratch, counts->classes, sizeof *labelled);
    double *predicted = scratch_array(scratch, counts->classes, sizeof *predicted);
    struct numeric_sum total = {0};
    for (size_t a = 0; a < counts->classes; a++) {
        struct numeric_sum as_label = {0};
        struct numeric_sum as_prediction = {0};
        for (size_t b = 0; b < counts->classes; b++) {
            numeric_sum_add(&as_label, counts->confusion[a * counts->classes + b]);
            numeric_sum_add(&as_prediction, counts->confusion[b * counts->classes + a]);
        }
        labelled[a] = numeric_sum_value(&as_label);
        predicted[a] = numeric_sum_value(&as_prediction);
        numeric_sum_add(&total, labelled[a]);
    }
    counts->labelled = labelled;
    counts->predicted = predicted;
    counts->total = numeric_sum_value(&total);
}

int classification_count(struct scratch *scratch, const size_t *labels, const size_t *predictions,
                         const double *weights, size_t rows, size_t classes, struct classification *ret_counts,
                         struct fault *fault)
{
    if (check_rows(labels, predictions, weights, rows, classes, fault) < 0) {
        return -1;
    }
    struct numeric_sum *sums = scratch_array(scratch, classes * classes, sizeof *sums);
    bool *present = scratch_array(scratch, classes, sizeof *present);
    for (size_t i = 0; i < rows; i++) {
        numeric_sum_add(&sums[labels[i] * classes + predictions[i]], weights == NULL ? 1 : weights[i]);
        present[labels[i]] = true;
        present[predictions[i]] = true;
    }
    double *confusion = scratch_array(scratch, classes * classes, sizeof *confusion);
    for (size_t i = 0; i < classes * classes; i++) {
        confusion[i] = numeric_sum_value(&sums[i]);
    }
    *ret_counts = (struct classification){.classes = classes, .present = present, .confusion = confusion};
    for (size_t c = 0; c < classes; c++) {
        ret_counts->present_count += present[c] ? 1 : 0;
    }
    sum_margins(scratch, ret_counts);
    return 0;
}

static double hits(const struct classification *counts, size_t class)
{
    return counts->confusion[class * counts->classes + class];
}

static double all_hits(const struct classification *counts)
{
    struct numeric_sum sum = {0};
    for (size_t c = 0; c < counts->classes; c++) {
        numeric_sum_add(&sum, hits(counts, c));
    }
    return numeric_sum_value(&sum);
}

static double quotient(double numerator, double denominator)
{
    return denominator == 0 ? 0 : numerator / denominator;
}

double classification_accuracy(const struct classification *counts)
{
    return counts->total > 0 ? all_hits(counts) / counts->total : NAN;
}

double classification_balanced_accuracy(const struct classification *counts)
{
    struct numeric_sum sum = {0};
    size_t classes = 0;
    for (size_t c = 0; c < counts->classes; c++) {
        if (counts->labelled[c] > 0) {
            numeric_sum_add(&sum, hits(counts, c) / counts->labelled[c]);
            classes++;
        }
    }
    return classes > 0 ? numeric_sum_value(&sum) / (double)classes : NAN;
}

double classification_precision(const struct classification *counts, size_t class)
{
    return quotient(hits(counts, class), counts->predicted[class]);
}

double classification_recall(const struct classification *counts, size_t class)
{
    return quotient(hits(counts, class), counts->labelled[class]);
}

double classification_f1(const struct classification *counts, size_t class)
{
    return quotient(2 * hits(counts, class), counts->labelled[class] + counts->predicted[class]);
}

/* Micro averages of the three metrics are one number when each row has exactly one label. */
static double average_of(const struct classification *counts, enum classification_average average,
                         double (*metric)(const struct classification *, size_t))
{
    if (!(counts->total > 0)) {
        return NAN;
    }
    if (average == CLASSIFICATION_MICRO) {
        return all_hits(counts) / counts->total;
    }
    struct numeric_sum sum = {0};
    for (size_t c = 0; c < counts->classes; c++) {
        /* A class in no row adds nothing: its metric is 0. */
        numeric_sum_add(&sum, metric(counts, c) * (average == CLASSIFICATION_WEIGHTED ? counts->labelled[c] : 1));
    }
    double share = average == CLASSIFICATION_WEIGHTED ? counts->total : (double)counts->present_count;
    return numeric_sum_value(&sum) / share;
}

double classification_precision_average(const struct classification *counts, enum classification_average average)
{
    return average_of(counts, average, classification_precision);
}

double classification_recall_average(const struct classification *counts, enum classification_average average)
{
    return average_of(counts, average, classification_recall);
}

double classification_f1_average(const struct classification *counts, enum classification_average average)
{
    return average_of(counts, average, classification_f1);
}
