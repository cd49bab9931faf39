/* SPDX-License-Identifier: Apache-2.0
 * A deployment in stages. Between two stages the step holds no process: what it has done, and to what it goes back,
 * stands in a file of $SLUICE_STATE. It is written before anything is touched, so that whoever comes next knows: the
 * same attempt after its wait goes on; another attempt, because this one was cancelled or died, goes back.
 *
 *     open   stage 1, 2, ...: touch, be healthy, last for a while, be judged; then all of the traffic
 *     back   something said no: everything that was touched is taken back, and recorded
 *     done   all of it is right: settled and recorded
 */
#ifndef SLUICE_DEPLOY_ROLLOUT_H
#define SLUICE_DEPLOY_ROLLOUT_H

#include "deployment.h"

/* Has an earlier attempt, or this one before its wait, begun one that has no end yet? */
bool rollout_is_open(struct deployment *deployment);
/* The first stage. The models have been read, the guards asked. */
enum step_result rollout_begin(struct deployment *deployment);
/* What is open. Nothing but the parameters has been read. */
enum step_result rollout_go_on(struct deployment *deployment);

#endif
