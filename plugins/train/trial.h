/* SPDX-License-Identifier: Apache-2.0
 * One candidate: its folder, the command run for it, and the metrics it left.
 *
 *     DIR/params.json   what it is trained with
 *     DIR/output.log    what the command printed
 *     DIR/...           what the command made: metrics.json, model/
 */
#ifndef SLUICE_TRAIN_TRIAL_H
#define SLUICE_TRAIN_TRIAL_H

#include "fault.h"
#include "scratch.h"
#include "step.h"

#include <stdbool.h>

struct trial_spec {
    const char *const *command; /* argv with {name} for a param, {params} for all as JSON, {dir}, {index}; {{ for { */
    const char *metrics;        /* the file's name below the folder */
    const char *metric;         /* the one that decides */
    int64_t timeout_ms;         /* 0: none */
};

struct trial_metric {
    const char *key;
    double value;
};

struct trial {
    size_t index; /* from 0 */
    const struct step_value *params;
    const char *dir; /* absolute; does not exist before trial_run() */
    bool good;       /* it ended well, with a finite metric that decides */
    struct fault why;/* when it is not good */
    int64_t took_ms;
    const struct trial_metric *metrics;
    size_t metric_count;
    double score;
};

/* Is every {name} in the command known? `params` is any candidate's. */
int trial_check_command(const struct trial_spec *spec, const struct step_value *params, struct fault *fault);
/* Runs the command in the workspace with SLUICE_STEP_DIR and SLUICE_CANDIDATE_DIR (the folder), SLUICE_CANDIDATE (the
 * index), SLUICE_PARAMS (the path of params.json) and SLUICE_PARAM_<NAME> in upper case. Sets took_ms and, when it does
 * not end well, `why`. Of the host it uses `cancelled` alone, so that threads may run trials at once. -1 when it
 * failed. */
int trial_run(const struct step_host *host, const struct trial_spec *spec, struct trial *trial);
/* Reads the metrics of a trial that ran: the file, or, when there is none, the lines "name=number" and "name: number"
 * of output.log, of which the last one of a name counts. Sets good, metrics and score, or `why`. */
void trial_read(const struct step_host *host, struct scratch *scratch, const struct trial_spec *spec,
                struct trial *trial);

#endif
