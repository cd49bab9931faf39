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

/* Loads spawn.plugin, fills its parameters from spawn.params, and calls it once. Everything in the outcome lives in
 * `arena`; a plugin that cannot be loaded is STEP_FAILED with the reason. */
void plugin_host_run(const struct json *spawn, const struct step_sink *sink, struct arena *arena,
                     struct step_outcome *outcome);

#endif
