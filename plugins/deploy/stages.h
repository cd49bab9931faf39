/* SPDX-License-Identifier: Apache-2.0
 * The stages of a deployment: parts of the traffic of its target, or other targets that come first.
 *
 *     stages:
 *       - {target: {directory: /srv/canary}, for: 10m, check: "http://canary:9000/metrics"}
 *       - {weight: 10, for: 10m}
 *       - {weight: 50, for: 30m}
 */
#ifndef SLUICE_DEPLOY_STAGES_H
#define SLUICE_DEPLOY_STAGES_H

#include "check.h"
#include "health.h"
#include "target.h"

struct stage {
    double weight;        /* percent of the traffic of the deployment's target; 0: the stage is a target of its own */
    struct target target; /* that one */
    int64_t for_ms;       /* how long it lasts before it is judged */
    const char *check;    /* where its numbers come from; NULL: where those of all stages are */
    struct health health; /* of a target of its own, or that of all stages */
};

struct stages {
    struct stage *items;
    size_t count;
};

/* A list of maps; NULL: none. `health` is that of stages that name none. */
int stages_parse(const struct step_host *host, struct scratch *scratch, const struct step_value *param,
                 const struct health *health, int64_t timeout_ms, struct stages *ret_stages, struct fault *fault);
/* With the one behind them, in which all of the traffic is the new model's: unless the last of them says so itself. */
size_t stages_total(const struct stages *stages);
/* "stage 2 of 3 (50 % of the traffic)"; `target`: what the deployment's own is called. */
const char *stages_words(struct scratch *scratch, const struct stages *stages, size_t index, const char *target);

#endif
