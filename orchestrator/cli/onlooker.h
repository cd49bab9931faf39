/* SPDX-License-Identifier: Apache-2.0
 * A run that another sluice moves, seen from outside: its steps from the store, and what only the holder's memory has,
 * by the door.
 */
#ifndef SLUICE_CLI_ONLOOKER_H
#define SLUICE_CLI_ONLOOKER_H

#include "cli/session.h"

struct onlooker;

/* `session` is a visit. */
int onlooker_new(struct session *session, const char *run_id, struct onlooker **ret_onlooker, struct err *err);
void onlooker_free(struct onlooker *onlooker);
/* Looks again; the store is read only when something was written. 1 while the run is open, 0 when it has ended;
 * ERR_BUSY when the holder has gone and left it open. */
int onlooker_look(struct onlooker *onlooker, struct err *err);
/* As it was at the last look; valid until the next. */
const struct run *onlooker_run(const struct onlooker *onlooker);
/* As engine_is_blocked and engine_progress. */
bool onlooker_is_blocked(const struct onlooker *onlooker);
double onlooker_progress(const struct onlooker *onlooker, struct run_place place, const char **ret_text);

#endif
