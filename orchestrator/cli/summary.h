/* SPDX-License-Identifier: Apache-2.0
 * What a run did, for a person: its steps with times and reasons, what failed steps printed last, metrics, gates,
 * models, where things are, what to do next.
 */
#ifndef SLUICE_CLI_SUMMARY_H
#define SLUICE_CLI_SUMMARY_H

#include "cli/cli.h"
#include "cli/home.h"
#include "view/run_view.h"

#include <stdio.h>

/* `brief` leaves the "what next" lines out (for `sluice show`). */
void summary_print(const struct cli *cli, const struct home *home, const struct run_view *view, bool brief, FILE *out);

/* "12s", "3m 4s", "" for a step that has not started. */
void summary_duration(char *room, size_t size, int64_t from_ms, int64_t to_ms);
/* The mark and colour of a state: a check, a cross, ... as UTF-8. */
const char *summary_mark(enum step_state state);
const char *summary_colour(const struct cli *cli, enum step_state state);
const char *summary_reset(const struct cli *cli);

#endif
