/* SPDX-License-Identifier: Apache-2.0
 * A rerun keeps the results of steps that would be others with its params: that is meant, but must not go unsaid.
 */
#ifndef SLUICE_CLI_KEPT_PARAMS_H
#define SLUICE_CLI_KEPT_PARAMS_H

#include "view/run_view.h"

/* Names on standard error each step that was kept and reads a param that is another in `now` than it was `before`. What
 * a step reads is told by its text ("params.day"), so that Lua counts too; it is a warning and prevents nothing. */
void kept_params_warn(const struct run_view *view, const struct json *now, const struct json *before);

#endif
