/* SPDX-License-Identifier: Apache-2.0
 * A plugin's parameter struct from the evaluated `with:`. Pure.
 */
#ifndef SLUICE_RUNNER_PARAMS_FILL_H
#define SLUICE_RUNNER_PARAMS_FILL_H

#include "base/json.h"
#include "step.h"

/* The struct, in `arena`. What `params` does not have is NULL, false, 0 or, for numbers, NAN; so is a null, but for
 * ANY, which sees it. Relative paths are taken below `workspace`. Errors: a value of another type, a text with a NUL, a
 * name that has no slot, slots that do not fit the struct. */
int params_fill(const struct step_descriptor *descriptor, const struct json *params, const char *workspace,
                struct arena *arena, void **ret_struct, struct err *err);

#endif
