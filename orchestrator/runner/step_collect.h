/* SPDX-License-Identifier: Apache-2.0
 * What a step leaves when it has succeeded: spawn.collect, all of it or a reason.
 *
 * Everything is checked before anything is published: outputs against their types, globs against what is there, metrics
 * files against their form. Relative paths are below the step's working directory.
 */
#ifndef SLUICE_RUNNER_STEP_COLLECT_H
#define SLUICE_RUNNER_STEP_COLLECT_H

#include "runner/step_sink.h"

/* `set` is what the step's code has set and reported itself, {NAME: value}. -1 with everything that is wrong with the
 * outputs, or the first thing wrong with the rest. */
int step_collect(const struct json *spawn, const struct json *set, const struct step_sink *sink, struct err *err);

#endif
