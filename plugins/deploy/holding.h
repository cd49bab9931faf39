/* SPDX-License-Identifier: Apache-2.0
 * A target is moved by one step at a time: who comes while another has it waits, or gives up.
 */
#ifndef SLUICE_DEPLOY_HOLDING_H
#define SLUICE_DEPLOY_HOLDING_H

#include "deployment.h"

enum holding {
    HOLDING_ALL,   /* they are this step's until it has ended */
    HOLDING_WAITS, /* it comes back when they are: return STEP_WAIT */
    HOLDING_NONE,  /* in the fault: who has one, or that the question was not accepted */
};

/* Every target of the deployment, or none. What records call a target is held, and its folder or URL; of a command that
 * was given no name, the whole command line. */
enum holding holding_take(struct deployment *deployment, struct fault *fault);

#endif
