/* SPDX-License-Identifier: Apache-2.0
 * What people ask of webhooks from a terminal: a test, a delivery again. In this process when the home is free, through
 * the door of whoever holds it otherwise.
 */
#ifndef SLUICE_CLI_WEBHOOK_CHANGE_H
#define SLUICE_CLI_WEBHOOK_CHANGE_H

#include "base/json.h"
#include "store/store.h"

/* {"do": "webhook", "what": "test", "id", "event" or null} -> {"delivery_id"};
 * {"do": "webhook", "what": "test-channel", "id": a channel's name} -> {"delivery_id"};
 * {"do": "webhook", "what": "redeliver", "id": a delivery's} -> {"delivery_id"}. In a transaction of its own, with
 * an entry of the activity log. */
int webhook_change_obey(struct store *store, const struct json *request, const char *actor, struct arena *arena,
                        struct json *ret_outcome, struct err *err);

#endif
