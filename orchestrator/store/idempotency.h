/* SPDX-License-Identifier: Apache-2.0
 * Answers that are kept by the key that their request came with (the Idempotency-Key header), in the transaction of
 * what the request has done: asked again, the same is told, and nothing is done.
 */
#ifndef SLUICE_STORE_IDEMPOTENCY_H
#define SLUICE_STORE_IDEMPOTENCY_H

#include "store/store.h"

enum { IDEMPOTENCY_KEPT_MS = 24 * 3600 * 1000 };

struct idempotent {
    const char *actor;
    const char *key;
    const char *request_sha256;
    int64_t status;
    const char *answer; /* JSON */
    int64_t created_ms;
};

/* 1 with it, 0 when there is none that is younger than IDEMPOTENCY_KEPT_MS, -1. */
int store_idempotent_get(struct store *store, const char *actor, const char *key, int64_t now_ms, struct arena *arena,
                         struct idempotent *ret, struct err *err);
/* Replaces one that is too old; some of those that are too old go as well. */
int store_idempotent_put(struct store *store, const struct idempotent *row, struct err *err);

#endif
