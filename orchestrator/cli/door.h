/* SPDX-License-Identifier: Apache-2.0
 * The door of a home in use: <home>/sock, where the sluice that holds the home takes words of people from other
 * terminals. So an approval or a cancel need not wait until a run is over, and a second `sluice run` needs no home of
 * its own: it hands its run to the one that holds it, follows it from there, and takes the home over when that one
 * leaves.
 *
 * A packet asks, a packet answers (SOCK_SEQPACKET, mode 0600), as often as the guest likes. Who asks is whom the kernel
 * says is at the other end; a process that descends from a runner, a step, is refused.
 *
 *   {"do": "vote", "run": RUN_ID, "step": ID or null, "approve": bool, "reason": TEXT or null}
 *   {"do": "cancel", "run": RUN_ID, "reason": TEXT or null}
 *   {"do": "kill", "run": RUN_ID}
 *   {"do": "submit"} with a submission (cli/submission.h) in a sealed memory file -> {"run_id"}
 *   {"do": "secret"} with what is to be changed (cli/secret_change.h) in a sealed memory file -> {"replaced"} or {}
 *   {"do": "webhook"} with what is asked of one (cli/webhook_change.h) -> {"delivery_id"}
 *   {"do": "account"} with what is to be changed (auth/account.h) in a sealed memory file -> {}
 *   {"do": "backup"} with what was made (cli/backup_note.h) in a sealed memory file -> {}
 *   {"do": "trigger"} with what is asked of a schedule or backfill (cli/trigger_change.h) in a sealed memory file
 *   {"do": "gc", "step": "begin", "remove" or "end"} with what is to be removed (gc/beside.h) in a sealed memory file
 *   {"do": "look", "run": RUN_ID, "follows": bool} -> {"open", "blocked", "followed", "progress": [...]}
 *   -> {"outcome": {...}} or {"error": {"code", "message"}}
 *
 * The guests' side is cli/visit.h.
 */
#ifndef SLUICE_CLI_DOOR_H
#define SLUICE_CLI_DOOR_H

#include "cli/session.h"

struct door;

/* Listens, and has the engine's turn end when somebody knocks. `run_id` is the run that its keeper follows. */
int door_open(struct session *session, const char *run_id, struct door **ret_door, struct err *err);
void door_close(struct door *door);
/* Answers whoever has asked; never waits. Call it after each turn. */
void door_serve(struct door *door);
/* Whether a guest follows a run, and would take the home over: one that has asked within the last seconds. */
bool door_has_follower(const struct door *door);

#endif
