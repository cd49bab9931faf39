/* SPDX-License-Identifier: Apache-2.0
 * A submission as JSON: the form in which `sluice run` hands it to the sluice that holds the home. It carries all that
 * the run depends on, so that it does not matter who starts it: the text of the pipeline, the environment for its
 * steps.
 */
#ifndef SLUICE_CLI_SUBMISSION_H
#define SLUICE_CLI_SUBMISSION_H

#include "engine/engine.h"

struct json submission_json(const struct engine_submission *submission, struct arena *arena);
/* The reverse, but for the actor, who is whom the kernel says. The pipeline is checked again, with our plugins; all
 * that is returned lives in `arena`. ERR_INPUT in words. */
int submission_read(const struct json *object, struct catalogue *plugins, struct arena *arena,
                    struct engine_submission *ret_submission, struct err *err);

#endif
