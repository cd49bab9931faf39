/* SPDX-License-Identifier: Apache-2.0
 * A plugin that does nothing, built as any other: with step.h alone.
 */
#include "step.h"

#define PARAMS(P) P(STRING, ignored, "default=nothing", "A plugin has a param; this one's is not looked at.")
#define OUTPUTS(O) O(INT, none, "Never given.")

STEP_PARAMS_STRUCT(noop_params, PARAMS);

static enum step_result run(const struct step_host *host, const void *params)
{
    (void)host;
    (void)params;
    return STEP_OK;
}

STEP_PLUGIN(noop, "1.0", "Does nothing.", STEP_REPEATABLE, noop_params, PARAMS, OUTPUTS, run)
