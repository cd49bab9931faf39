/* SPDX-License-Identifier: Apache-2.0
 * Which config.yaml has been in force: each one that is taken, and is not the one before, is an entry of the activity
 * log with its digest and what is different.
 */
#ifndef SLUICE_STORE_CONFIG_LOADS_H
#define SLUICE_STORE_CONFIG_LOADS_H

#include "base/json.h"
#include "store/store.h"

#include <stdint.h>

/* `document` is all of the file (an empty map for none), `actor` who had it loaded. In the caller's transaction.
 * `*ret_words`: what differs from the one that was taken last; NULL when that says the same, and nothing is written. */
int store_config_taken(struct store *store, const struct json *document, const char *actor, int64_t now_ms,
                       struct arena *arena, const char **ret_words, struct err *err);

#endif
