/* SPDX-License-Identifier: Apache-2.0
 * One test of a plugin: the step really runs, in a home that is thrown away, and what it left is compared.
 */
#ifndef SLUICE_CLI_PLUGIN_TRIAL_H
#define SLUICE_CLI_PLUGIN_TRIAL_H

#include "cli/plugin_case.h"
#include "cli/session.h"

enum { PLUGIN_TRIAL_TIMEOUT_S = 60 };

/* Runs `one` with `uses` in the empty folder `workspace`. 0 with what was not as expected, one line each, "" when all
 * was; -1 when nothing could be tried. */
int plugin_try(struct session *session, const char *uses, const struct plugin_case *one, const char *workspace,
               struct arena *arena, const char **ret_complaints, struct err *err);

#endif
