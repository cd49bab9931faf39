/* SPDX-License-Identifier: Apache-2.0
 * The check between stages: what the service, or a program, says of itself, against thresholds.
 */
#ifndef SLUICE_DEPLOY_CHECK_H
#define SLUICE_DEPLOY_CHECK_H

#include "fault.h"
#include "scratch.h"
#include "step.h"
#include "thresholds.h"

#include <stdint.h>

struct check {
    const char *source;         /* a URL, or what was logged (readings.h); NULL: none, or a command */
    const char *const *command; /* argv; NULL: none, or a source */
    const char *champion;       /* where the same is said of what served before; NULL: nowhere */
    struct thresholds rules;    /* none: nothing is checked */
    int64_t timeout_ms;         /* how long an answer may be waited for */
    int64_t every_ms;           /* also while a stage lasts; 0: at its end */
    int64_t max_age_ms;         /* of what was logged; 0: since the stage began is young enough */
};

struct check_params {
    const struct step_value *check, *thresholds;
    const char *champion;
};

/* `check`: a source, or {url, command or metrics, timeout, every, max_age}; the texts live in `scratch` or the
 * params. */
int check_parse(struct scratch *scratch, const struct check_params *params, struct check *ret_check,
                struct fault *fault);

enum check_result { CHECK_PASSED, CHECK_REFUSED, CHECK_FAILED }; /* refused by a rule; no numbers came */

/* A URL, or what was logged. `what`: how faults call it. */
int check_source(const char *source, const char *what, struct fault *fault);

/* What is judged. */
struct check_stage {
    const char *source;     /* its own; NULL: that of the check */
    const char *const *env; /* what the command is told */
    int64_t number;         /* from 1 */
    int64_t began_ms;       /* by the clock on the wall: what a run logged before says nothing of it */
};

/* Asks and judges. What was found is in the step's log
 * and its metrics, by the number of the stage. REFUSED and FAILED say why in the fault, with the numbers. */
enum check_result check_run(const struct step_host *host, const struct check *check, const struct check_stage *stage,
                            struct fault *fault);

#endif
