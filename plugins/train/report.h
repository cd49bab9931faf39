/* SPDX-License-Identifier: Apache-2.0
 * What a search leaves in the records: a table of all candidates, and the best one's params and metrics.
 */
#ifndef SLUICE_TRAIN_REPORT_H
#define SLUICE_TRAIN_REPORT_H

#include "trial.h"

/* The artifact candidates.json, an MLflow table with a row for each candidate: its number, params, metrics, seconds and
 * why it failed. */
int report_table(const struct step_host *host, const struct trial *trials, size_t count, struct fault *fault);
/* The params and metrics of the best as those of the step's run, and the deciding metric of all of them as the series
 * candidates/METRIC, whose step is the candidate's number. */
int report_best(const struct step_host *host, const struct trial_spec *spec, const struct trial *trials, size_t count,
                const struct trial *best, struct fault *fault);

#endif
