/* SPDX-License-Identifier: Apache-2.0
 * What an evaluation leaves behind: metrics of the run, of the model on this dataset, the dataset, the
 * gate record with its evidence, evaluation.json and confusion_matrix.json, and the step's outputs.
 */
#ifndef SLUICE_EVALUATE_RECORD_H
#define SLUICE_EVALUATE_RECORD_H

#include "champion.h"
#include "data.h"
#include "fault.h"
#include "gate.h"
#include "measures.h"
#include "sample.h"
#include "scratch.h"
#include "step.h"

#include <stddef.h>

struct record_metric {
    const char *key;
    double value;
};

struct record {
    struct record_metric *metrics;
    size_t count;
    size_t room;
    struct measures whole; /* of all rows, for the output */
};

struct record_case {
    const struct step_host *host;
    const struct data *data;
    const struct sample *sample;
    const struct champion *champion;
    const struct gate *gate;
    const char *model; /* NULL when the step names none: the host may know it */
};

/* Adds a metric, unless there is one with this key. The key is borrowed. */
void record_add_metric(struct record *record, struct scratch *scratch, const char *key, double value);

/* Writes everything. The metrics and files come first, then the gate record, so that a verdict never
 * stands without its evidence. Fails when the store does. */
int record_write(const struct record *record, struct scratch *scratch, const struct record_case *about,
                 struct fault *fault);

#endif
