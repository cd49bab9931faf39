/* SPDX-License-Identifier: Apache-2.0
 * Where the MLflow clients of steps connect, and what a step is told of it. Who it is when it comes: engine.h.
 */
#ifndef SLUICE_ENGINE_TRACKING_H
#define SLUICE_ENGINE_TRACKING_H

#include "engine/engine_internal.h"

/* Takes over the socket that has come with a runner's hello, if steps are to be told of one. */
void tracking_take_port(struct engine *engine, struct runner_link *link, const struct json *message);
/* The runner is gone, and its port with it. */
void tracking_drop_port(struct engine *engine, const struct runner_link *link);
/* Adds to a command's environment where its MLflow client goes, and what it shows there; nothing when nobody answers,
 * or the step says where it goes itself. */
void tracking_environment(struct engine *engine, const struct live_attempt *attempt, const struct step *step,
                          struct json *env);

#endif
