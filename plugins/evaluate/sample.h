/* SPDX-License-Identifier: Apache-2.0
 * What is evaluated: rows of label, prediction, probabilities and weight, typed and checked.
 *
 * Classes are the distinct texts of label and prediction (and the keys of a probability map). When all
 * are numbers they compare as numbers ("1" and "1.0" are one class) and stand in numeric order, else in
 * byte order. With two classes one is positive: the one that was named, else the last.
 */
#ifndef SLUICE_EVALUATE_SAMPLE_H
#define SLUICE_EVALUATE_SAMPLE_H

#include "csv.h"
#include "fault.h"
#include "scratch.h"
#include "step.h"

#include <stdbool.h>
#include <stddef.h>

enum { SAMPLE_MAX_CLASSES = 1000 };

struct sample {
    bool classifier;
    size_t rows;
    const double *weights; /* NULL: all rows count once */

    /* of a classifier */
    size_t class_count;
    const char *const *class_names;
    size_t positive;         /* meaningful with two classes */
    const size_t *labels;
    const size_t *predictions;
    const double *const *scores; /* of each class, its column of probabilities; NULL without */

    /* of a regressor */
    const double *targets;
    const double *estimates;
};

struct sample_columns {
    bool classifier;
    const char *label;
    const char *prediction;                /* NULL for a classifier with probabilities: the most probable class */
    const char *weight;                    /* NULL for none */
    const struct step_value *probability;  /* NULL, a column, a list of columns, or a map of class to column */
    const struct step_value *positive;     /* NULL, or the class as text, number or boolean */
};

/* Faults name the parameter, or row, line and column of a value that cannot be. */
int sample_read(struct scratch *scratch, const struct csv_table *table, const struct sample_columns *columns,
                struct sample *ret_sample, struct fault *fault);

/* The rows with these indices, in that order, each as often as it stands there. Names are shared. */
struct sample sample_take(struct scratch *scratch, const struct sample *sample, const size_t *rows, size_t count);

static inline bool sample_is_binary(const struct sample *sample)
{
    return sample->classifier && sample->class_count == 2;
}

/* A number or boolean of YAML as the text that a column holds; the text of a string; else NULL. */
const char *sample_text_of(struct scratch *scratch, const struct step_value *value);

#endif
