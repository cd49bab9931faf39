/* SPDX-License-Identifier: Apache-2.0
 * The verdict: every threshold rule judged by its evidence, and the whole told to people and machines.
 */
#ifndef SLUICE_EVALUATE_GATE_H
#define SLUICE_EVALUATE_GATE_H

#include "champion.h"
#include "data.h"
#include "fault.h"
#include "sample.h"
#include "scratch.h"
#include "step.h"
#include "textbuf.h"
#include "thresholds.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gate_rule {
    const struct threshold *rule;
    const char *key; /* of the metric in the records */
    struct threshold_evidence evidence;
    struct threshold_verdict verdict;
};

struct gate {
    const struct gate_rule *rules;
    size_t count;
    bool passed;            /* also without any rule */
    const char *refused_by; /* "" when passed; else the reasons, joined by "; " */
};

/* Judges all rules; a metric or column that does not exist is a fault, not a refusal. With no rules and
 * `min_samples` over 0, the number of rows is the one rule. */
int gate_judge(const struct step_host *host, struct scratch *scratch, const struct thresholds *thresholds,
               int64_t min_samples, const struct data *data, const struct sample *sample,
               const struct champion *champion, uint64_t seed, struct gate *ret_gate, struct fault *fault);
/* The table of rules, a line each, into the step's log. */
void gate_log(const struct step_host *host, const struct gate *gate);
/* The rules as a JSON list. */
void gate_put_rules(struct textbuf *out, const struct gate *gate);

#endif
