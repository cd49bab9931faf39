/* SPDX-License-Identifier: Apache-2.0
 * The header Idempotency-Key: draft-ietf-httpapi-idempotency-key-header-07. A key belongs to who sent it, and is kept
 * for a day (store/idempotency.h) with the digest of what it asked and the answer to that. What failed is not kept: it
 * has changed nothing, and may be asked again.
 */
#ifndef SLUICE_API_SLUICE_IDEMPOTENCY_H
#define SLUICE_API_SLUICE_IDEMPOTENCY_H

#include "api/api.h"

/* What a key is, in ECMAScript's words. */
#define IDEMPOTENCY_KEY_PATTERN "^(\"([ !#-\\[\\]-~]|\\\\[\"\\\\])+\"|[A-Za-z0-9_.:/+=-]+)$"
enum { IDEMPOTENCY_KEY_MAX = 257 };

/* The key of a call, and what it asks. */
struct idempotency_key;

/* Of a call that is a command: 1 when it has been answered as it was before, else 0 with call->key, NULL when it has
 * none; -1: the key is no key (ERR_INPUT), asked something else before (ERR_INPUT, call->status 422) or is being
 * answered (ERR_EXISTS). With `lasts` it is in use until idempotency_release. */
int idempotency_begin(struct api_call *call, const struct api_route *route, bool lasts, struct err *err);
/* In the command's transaction: call->answer is told from now on whoever asks the same with this key. */
int idempotency_keep(struct api_call *call, struct err *err);
void idempotency_release(struct api *api, struct idempotency_key *key);

#endif
