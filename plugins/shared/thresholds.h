/* SPDX-License-Identifier: Apache-2.0
 * Threshold rules: what they say, and whether a value meets them. Knows no metrics and no files.
 *
 *     thresholds:
 *       rmse: "<= 0.7"
 *       r2: [">= 0.3", ">= champion - 0.02"]
 *       "rmse[color=white]": {is: "<= 0.9", min_samples: 50, confidence: 0.95}
 *
 * step_threshold.h has the grammar of rules and keys, which checks of pipelines read as well.
 */
#ifndef SLUICE_SHARED_THRESHOLDS_H
#define SLUICE_SHARED_THRESHOLDS_H

#include "fault.h"
#include "scratch.h"
#include "step.h"
#include "step_threshold.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct threshold {
    const char *subject; /* as written: "rmse[color=white]" */
    const char *metric;  /* "rmse" */
    const char *column;  /* "color", or NULL for all rows */
    const char *value;   /* "white", or NULL */
    enum step_threshold_op op;
    bool champion;       /* compares with the champion's value */
    char arithmetic;     /* '+', '-' or '*' behind champion; '\0' for none */
    double number;
    int64_t min_samples; /* rows the value must rest on; 0 for any */
    double confidence;   /* 0 when none is asked */
    const char *text;    /* the rule, evenly spaced: ">= champion - 0.02" */
};

struct thresholds {
    const struct threshold *rules; /* in the order written */
    size_t count;
};

/* Reads the map of the parameter (NULL: no rules). `min_samples` is for rules that name none. A fault
 * quotes the rule and says what was expected. Everything lives in `scratch`. */
int thresholds_parse(struct scratch *scratch, const struct step_value *map, int64_t min_samples,
                     struct thresholds *ret_rules, struct fault *fault);
bool thresholds_name_champion(const struct thresholds *rules);

/* What the value is compared with. `champion` is not read by rules without one. */
double threshold_limit(const struct threshold *rule, double champion);
bool threshold_holds(const struct threshold *rule, double value, double limit);
/* How far the value is on the good side of the limit; below zero on the other. */
double threshold_margin(const struct threshold *rule, double value, double limit);

enum threshold_champion {
    THRESHOLD_CHAMPION_KNOWN,
    THRESHOLD_CHAMPION_ABSENT_PASSES, /* there is none, and that is no reason to refuse */
    THRESHOLD_CHAMPION_REFUSES,       /* champion_reason says why */
};

/* What a rule is judged by. */
struct threshold_evidence {
    double value;            /* NaN when not defined: a refusal */
    const char *undefined;   /* then, why */
    size_t samples;
    enum threshold_champion champion_state;
    double champion;
    const char *champion_reason;
    double held;             /* share of resamples in which the rule held; read when confidence is asked */
};

struct threshold_verdict {
    bool passed;
    double limit;       /* NaN when there is none to compare with */
    double margin;      /* NaN likewise */
    const char *reason; /* of a refusal: "rmse 0.71 is above 0.7 (by 0.01)"; of a pass "" or a remark */
};

struct threshold_verdict threshold_judge(struct scratch *scratch, const struct threshold *rule,
                                         const struct threshold_evidence *evidence);

#endif
