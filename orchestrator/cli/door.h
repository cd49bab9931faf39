/* SPDX-License-Identifier: Apache-2.0
 * The door of a home in use: <home>/sock, where the sluice that holds the home takes words of people from other
 * terminals. So an approval or a cancel need not wait until a run is over.
 *
 * One packet asks, one answers (SOCK_SEQPACKET, mode 0600). Who asks is whom the kernel says is at the other end; a
 * process that descends from a runner, a step, is refused.
 *
 *   {"do": "vote", "run": RUN_ID, "step": ID or null, "approve": bool, "reason": TEXT or null}
 *   {"do": "cancel", "run": RUN_ID, "reason": TEXT or null}
 *   -> {"outcome": {...}} or {"error": {"code", "message"}}
 */
#ifndef SLUICE_CLI_DOOR_H
#define SLUICE_CLI_DOOR_H

#include "cli/session.h"

/* ---- inside: the holder of the home ---- */
struct door;

/* Listens, and has the engine's turn end when somebody knocks. */
int door_open(struct session *session, struct door **ret_door, struct err *err);
void door_close(struct door *door);
/* Answers whoever has asked; never waits. Call it after each turn. */
void door_serve(struct door *door);

/* ---- outside ---- */
/* Whether somebody keeps the door. What a killed sluice left there does not count. */
bool door_is_kept(const char *home);
/* Asks the holder of the home at `home`, and waits for its answer. ERR_NOT_FOUND when nobody is at the door; else what
 * the holder says, good or bad. */
int door_ask(const char *home, const struct json *request, struct arena *arena, struct json *ret_outcome,
             struct err *err);

#endif
