/* SPDX-License-Identifier: Apache-2.0
 * The version to beat: what the store knows of it on the very data that is evaluated now.
 */
#ifndef SLUICE_EVALUATE_CHAMPION_H
#define SLUICE_EVALUATE_CHAMPION_H

#include "fault.h"
#include "scratch.h"
#include "step.h"
#include "thresholds.h"

#include <stdbool.h>

struct champion {
    const char *uri;    /* "models:/wine@champion", or NULL when the step names none */
    bool must_exist;    /* if_missing: fail */
    bool found;
    bool like;          /* it has metrics on the same data */
    const char *version;  /* NULL when unknown */
    const char *model_id;
    const char *digest;   /* of the data of the metrics it has, or NULL */
    const struct step_value *metrics; /* by key; NULL when there are none */
};

/* Reads the parameter: NULL, a URI, or {model, if_missing: pass|fail}. */
int champion_parse(const struct step_value *param, struct champion *ret_champion, struct fault *fault);
/* Asks the store for its metrics on the data with this digest. No champion is no fault. */
int champion_ask(const struct step_host *host, struct scratch *scratch, const char *dataset_digest,
                 struct champion *champion, struct fault *fault);
/* Fills in the champion's part of the evidence for a metric's key. */
void champion_evidence(struct scratch *scratch, const struct champion *champion, const char *key,
                       const char *dataset_digest, struct threshold_evidence *evidence);

#endif
