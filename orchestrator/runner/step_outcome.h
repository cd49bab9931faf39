/* SPDX-License-Identifier: Apache-2.0
 * How the code of a Lua or plugin step ended.
 */
#ifndef SLUICE_RUNNER_STEP_OUTCOME_H
#define SLUICE_RUNNER_STEP_OUTCOME_H

#include "base/json.h"
#include "step.h"

struct step_outcome {
    enum step_result result;
    char reason[1024];   /* "", or why it failed or refused: one line */
    struct json outputs; /* {NAME: value}: what it has set and reported */
    struct json wait;    /* for STEP_WAIT: {"kind", ...}; null when it did not say what for */
    struct json state;   /* what the wait gives back */
};

/* Keeps `text` as the reason: its lines become one, the rest is cut. NULL keeps "". */
void step_outcome_reason(struct step_outcome *outcome, const char *text);

#endif
