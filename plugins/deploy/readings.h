/* SPDX-License-Identifier: Apache-2.0
 * What a service or a program says of itself: numbers by name, in JSON or in the text format of Prometheus.
 *
 *     {"error_rate": 0.01, "latency": {"p99": 0.2}}        error_rate, latency.p99
 *     {"result": [{"value": [1700000000, "0.01"]}]}         result.0.value.1
 *     http_errors{code="500"} 3                              http_errors[code=500]
 *
 * or of what was logged to MLflow: error_rate, error_rate[dataset=live].
 */
#ifndef SLUICE_DEPLOY_READINGS_H
#define SLUICE_DEPLOY_READINGS_H

#include "fault.h"
#include "scratch.h"
#include "step.h"
#include "thresholds.h"

struct readings {
    const char *source;               /* for faults: where the text came from */
    const struct step_value *metrics; /* a list of {key, value, at_ms, dataset}; NULL: there is a text */
    int64_t since_ms;                 /* of metrics: what was logged before says nothing */
    const struct step_value *json;    /* NULL: `text` is in the format of Prometheus */
    const char *text;
};

/* JSON when it begins like an object or a list. The text must outlive the readings. */
int readings_parse(const struct step_host *host, const char *source, const char *text, size_t size,
                   struct readings *ret_readings, struct fault *fault);
/* The metrics of an MLflow run (runs:/RUN_ID), of a step of this run (steps:/STEP), or of a model: those that were
 * logged since `since_ms`, by the clock on the wall. */
int readings_ask(const struct step_host *host, const char *source, int64_t since_ms, struct readings *ret_readings,
                 struct fault *fault);
/* Is it that, and no URL? */
bool readings_are_logged(const char *source);
/* Is it a run, which logs while a model serves? A model has what it was measured at before. */
bool readings_go_on(const char *source);
/* The number that the rule is about. Not there, not finite, or said several times: -1. */
int readings_find(struct scratch *scratch, const struct readings *readings, const struct threshold *rule,
                  double *ret_value, struct fault *fault);

#endif
