/* SPDX-License-Identifier: Apache-2.0
 * A plugin's host: the table of step.h over a step's sink.
 *
 * Its functions may be called from any thread of the plugin. What the plugin gives wrongly is refused with a line in
 * the step's log. A plugin that never asks whether it is cancelled is ended by the stop signal as any program is; the
 * first question installs a handler, and from then on the plugin is trusted to ask again.
 */
#ifndef SLUICE_RUNNER_PLUGIN_HOST_H
#define SLUICE_RUNNER_PLUGIN_HOST_H

#include "runner/step_outcome.h"
#include "runner/step_sink.h"

struct plugin_host;

/* A host that has loaded nothing: it has read about spawn.plugin what its file says of itself, if there is such a file
 * by now, and run nothing of it. It and everything in the outcome live in `arena`. */
struct plugin_host *plugin_host_new(const struct json *spawn, const struct step_sink *sink, struct arena *arena,
                                    struct step_outcome *outcome);
/* Loads the plugin, fills its parameters from spawn.params, and calls it once. One that cannot be loaded is STEP_FAILED
 * with the reason. */
void plugin_host_run(struct plugin_host *self);

#endif
