/* SPDX-License-Identifier: Apache-2.0
 * Whether a channel is heard: an event that is none, in its outbox.
 */
#ifndef SLUICE_STORE_CHANNEL_TEST_H
#define SLUICE_STORE_CHANNEL_TEST_H

#include "store/store.h"

#include <stdint.h>

/* It is tried once, also when the channel is disabled; `*ret_delivery_id` is in the arena. ERR_NOT_FOUND. */
int store_channel_test(struct store *store, const char *name, int64_t now_ms, struct arena *arena,
                       const char **ret_delivery_id, struct err *err);

#endif
