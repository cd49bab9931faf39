/* SPDX-License-Identifier: Apache-2.0
 * Is what was deployed well? A URL is asked until it answers as it should, or too much time has passed.
 */
#ifndef SLUICE_DEPLOY_HEALTH_H
#define SLUICE_DEPLOY_HEALTH_H

#include "fault.h"
#include "step.h"

struct health {
    const char *url; /* NULL: nothing is asked */
    const struct step_value *statuses;
    const char *contains;
    int64_t timeout_ms;
    int64_t interval_ms;
};

/* A URL, or a map {url, status, contains, timeout, interval}; NULL is fine. */
int health_parse(const struct step_value *param, int64_t timeout_ms, struct health *ret_health, struct fault *fault);
/* One look, without waiting; true also when nothing is asked. */
bool health_is_good(const struct step_host *host, const struct health *health);
/* 0 as soon as it is well. -1: "not healthy after 30s: http://... answered 503", or cancelled. */
int health_wait(const struct step_host *host, const struct health *health, struct fault *fault);

#endif
