/* SPDX-License-Identifier: Apache-2.0
 * One deployment: what the step was given, what was found, and how both are recorded.
 */
#ifndef SLUICE_DEPLOY_DEPLOYMENT_H
#define SLUICE_DEPLOY_DEPLOYMENT_H

#include "check.h"
#include "guarded.h"
#include "health.h"
#include "payload.h"
#include "stages.h"
#include "target.h"

struct deployment {
    const struct step_host *host;
    const char *model;    /* what is deployed, as the step was given it */
    const char *evidence_sha256;
    const struct step_value *evidence;
    int64_t keep;
    struct scratch scratch;
    struct target target;
    struct health health;
    struct stages stages; /* none: all at once */
    struct check check;
    struct payload payload;
    struct payload previous_payload; /* of `previous` */
    const char *previous;            /* for people and records; NULL: nothing is known */
    const char *path;
    bool waits_for_target; /* while another step has it; else it gives up */
    bool changed;
};

/* An approval is of what was reviewed, and of nothing that came later. */
int deployment_check_evidence(const struct deployment *deployment, struct fault *fault);
/* The folder, program or URL, whatever records call it: by another name it is guarded as well, and so is a folder
 * that is reached by a link. */
enum guarded deployment_check_guard(struct deployment *deployment, const struct target *target, struct fault *fault);

/* What of it is recorded; what is NULL or 0 is not said. */
struct deployment_note {
    const struct target *target;
    const char *state;  /* stage, deployed, rolled_back, rollback_failed */
    const char *previous;
    const char *reason;
    int64_t stage, stages;
    double weight;
    bool more;          /* it is not over with this */
};
int deployment_record(const struct deployment *deployment, const struct deployment_note *note, struct fault *fault);
/* Without stages, from the beginning to the end. */
enum step_result deployment_at_once(struct deployment *deployment);
/* A command or URL that serves this model by what `previous` says, and is well. */
bool deployment_serves_already(const struct deployment *deployment);
/* The outputs, and a line in the log. */
enum step_result deployment_succeed(struct deployment *deployment);
/* What served before, in words. */
const char *deployment_before(const struct target *target, const char *previous);

/* What serves a directory may have to be told to read it again: with `current`, or the new version while it has only a
 * part of the traffic (`weight` below 100). */
int deployment_reload(const struct deployment *deployment, const struct target *target, const char *directory,
                      double weight, struct fault *fault);

#endif
