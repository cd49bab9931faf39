/* SPDX-License-Identifier: Apache-2.0
 * What was asked for, and done, in the activity log: by whom, by what means, from where.
 *
 * Each row of the tables that may change something says whether that is noted (api/api.h, struct api_note); what is
 * noted behind a route is written in its savepoint, so that there is no change without its entry.
 */
#ifndef SLUICE_API_NOTING_H
#define SLUICE_API_NOTING_H

#include "api/router.h"

/* Who asks, as the activity log calls him: a user's name, "step train of run wine 3", "anonymous". */
const char *noting_actor(const struct api_call *call);
/* Entries from now on are of this call: its address, and by what the actor is known. NULL: of nobody's. */
void noting_begin(struct store *store, const struct api_call *call);
/* Writes the entry that the row asks for, if it does; `note` may be NULL. */
int noting_write(const struct api_call *call, const struct api_note *note, struct err *err);

#endif
