/* SPDX-License-Identifier: Apache-2.0
 * What config.yaml guards: a step that lacks only approvals asks for them and waits; one that lacks more is refused.
 */
#ifndef SLUICE_SHARED_GUARDED_H
#define SLUICE_SHARED_GUARDED_H

#include "members.h"

enum guarded {
    GUARDED_FREE,    /* nothing is lacking */
    GUARDED_WAITS,   /* approvals are asked for: return STEP_WAIT */
    GUARDED_REFUSED, /* in the fault, in words: return guarded_refuse() */
    GUARDED_FAILED,  /* in the fault: the question itself was not accepted */
};

/* Asks `guard.check` with the members, which it closes, and waits if that helps. `place` says what it is about, one
 * word for each that the step asks for: what was approved is not asked for again. */
enum guarded guarded_ask(const struct step_host *host, struct members *question, const char *place,
                         struct fault *fault);
/* Was the refusal of a question that of a guard? */
bool guarded_is_denied(const struct step_value *reply);
/* The step was asked for and the answer was no: 0 when it was yes or nothing was asked, else -1 in words. */
int guarded_answer(const struct step_host *host, struct fault *fault);
enum step_result guarded_refuse(const struct step_host *host, const struct fault *fault);

#endif
