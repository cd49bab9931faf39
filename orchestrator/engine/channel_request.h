/* SPDX-License-Identifier: Apache-2.0
 * What sluice-fetch is asked to send an event to a channel, and when it is asked again.
 */
#ifndef SLUICE_ENGINE_CHANNEL_REQUEST_H
#define SLUICE_ENGINE_CHANNEL_REQUEST_H

#include "store/channels.h"
#include "store/deliveries.h"

struct engine;

/* 0 with the request (fetch/request.h), which holds secrets: json_wipe it. 1: a secret is not known yet, as the command
 * that gives it has not answered. -1 in words. */
int channel_request(struct engine *engine, const struct channel *channel, const struct delivery *delivery,
                    int64_t now_ms, struct json *ret, struct err *err);

/* The value of `webhook-signature`: "v1,BASE64" for each secret, as Standard Webhooks has it. A secret begins with
 * "whsec_" and is base64 of 24 to 64 bytes then, or is its own bytes. -1 in words that do not show it. */
int channel_signature(const struct str *secrets, size_t count, const char *id, const char *timestamp, struct str body,
                      struct arena *arena, const char **ret, struct err *err);

/* When a delivery that was made at `since_ms` is tried again after `tries` of them: 5 s after it was made, 5 min,
 * 30 min, 2, 5, 10, 14, 20 and 24 h, each within a tenth of the time before it sooner or later as `chance` (0 to 1)
 * says. `first_ms` instead of the 5 s makes all of them as much shorter; 0: 5 s. 0 when it is given up. */
int64_t channel_next_ms(int64_t since_ms, int64_t now_ms, int64_t tries, int64_t first_ms, double chance);

#endif
