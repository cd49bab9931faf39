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
    const char *url;            /* NULL: none, or a command */
    const char *const *command; /* argv; NULL: none, or a URL */
    const char *champion;       /* where the same is said of what served before; NULL: nowhere */
    struct thresholds rules;    /* none: nothing is checked */
    int64_t timeout_ms;         /* how long an answer may be waited for */
    int64_t every_ms;           /* also while a stage lasts; 0: at its end */
};

struct check_params {
    const struct step_value *check, *thresholds;
    const char *champion;
};

/* `check`: a URL, {url, timeout, every} or {command, timeout, every}; the texts live in `scratch` or the params. */
int check_parse(struct scratch *scratch, const struct check_params *params, struct check *ret_check,
                struct fault *fault);

enum check_result { CHECK_PASSED, CHECK_REFUSED, CHECK_FAILED }; /* refused by a rule; no numbers came */

/* Asks and judges. `url` NULL: that of the check. `env`: what the command is told. What was found is in the step's log
 * and its metrics, by the number of the stage. REFUSED and FAILED say why in the fault, with the numbers. */
enum check_result check_run(const struct step_host *host, const struct check *check, const char *url,
                            const char *const *env, int64_t stage, struct fault *fault);

#endif
