/* SPDX-License-Identifier: Apache-2.0
 * JSON as a plugin sees it.
 */
#ifndef SLUICE_RUNNER_PLUGIN_VALUE_H
#define SLUICE_RUNNER_PLUGIN_VALUE_H

#include "base/json.h"
#include "step.h"

/* A copy in `arena`, which nothing of `json` is needed for. */
const struct step_value *plugin_value(const struct json *json, struct arena *arena);

#endif
