/* SPDX-License-Identifier: Apache-2.0
 * What people do with registered models and approvals from a terminal, beside voting: rollback, comments,
 * delegations. In this process when the home is free, through the door of whoever holds it otherwise.
 */
#ifndef SLUICE_CLI_GOVERN_H
#define SLUICE_CLI_GOVERN_H

#include "cli/session.h"

/* {"do": "rollback", "model", "alias", "reason" or null, "dry"} -> {from, to, model_id, since_ms, approvals, moved}
 * {"do": "comment", "model", "version", "text"} -> {}
 * {"do": "delegate", "to", "model", "until_ms", "reason"} -> {id}
 * {"do": "undelegate", "id"} -> {}
 * {"do": "link", "run", "step" or null, "for", "for_ms"} -> {id, token, expires_ms, run, step}
 * {"do": "evidence", "model", "version", "sha256"} -> {}: that evidence was written stands in the activity log
 * {"do": "subscribe", "model", "version", "channel", "address"} -> {id, confirmed, confirm_by_ms}
 * {"do": "unsubscribe", "id"} -> {}
 * {"do": "enable-channel", "channel"} -> {}
 * In a transaction of its own. `groups`: those of the actor; `telling`: what config.yaml says of channels. */
int govern_obey(struct store *store, const struct telling_rules *telling, const struct json *request,
                const char *actor, const struct json *groups, struct arena *arena, struct json *ret_outcome,
                struct err *err);
/* Has it done wherever the home is. Opens and closes the session. */
int govern_ask(struct cli *cli, const char *doing, const struct json *request, struct json *ret_outcome,
               struct err *err);
/* {"do": what} */
struct json govern_request(struct arena *arena, const char *what);

#endif
