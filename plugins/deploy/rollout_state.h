/* SPDX-License-Identifier: Apache-2.0
 * What a deployment in stages remembers between them, in a file that is replaced as a whole.
 */
#ifndef SLUICE_DEPLOY_ROLLOUT_STATE_H
#define SLUICE_DEPLOY_ROLLOUT_STATE_H

#include "payload.h"

enum rollout_phase { ROLLOUT_OPEN, ROLLOUT_BACK, ROLLOUT_DONE };

/* A model, as it was when the deployment began: an alias may name another by now. */
struct rollout_model {
    const char *uri; /* NULL: none */
    const char *model_id;
    const char *name;
    const char *sha256;
};

struct rollout_state {
    enum rollout_phase phase;
    int64_t attempt;  /* which has begun it */
    int64_t stage;    /* from 0: the one that is touched or lasts; the count of stages: all of the traffic */
    int64_t touched;  /* so many stages have begun to change something */
    int64_t began_ms; /* when that stage was made, by the clock on the wall */
    int64_t left_ms;  /* how long it lasts still, when the wait of this moment is over */
    struct rollout_model model, previous;
    const char *before; /* what served before, in words; NULL: nothing, or not known */
    const char *reason; /* of BACK: why */
    bool refused;       /* of BACK: a rule, or a guard, said no */
};

/* Where it stands, in `scratch`. */
const char *rollout_state_path(const struct step_host *host, struct scratch *scratch);
int rollout_state_read(const struct step_host *host, struct scratch *scratch, struct rollout_state *ret,
                       struct fault *fault);
/* Durable when it returns. */
int rollout_state_write(const struct step_host *host, const struct rollout_state *state, struct fault *fault);
int rollout_state_remove(const struct step_host *host, struct fault *fault);

#endif
