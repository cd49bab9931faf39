/* SPDX-License-Identifier: Apache-2.0
 * The activity log: append-only, chained by HMAC under the home's key: who did what to which object, from which state
 * to which, why, and the digest of the evidence (docs/records.md says what the chain proves and what not).
 */
#ifndef SLUICE_STORE_ACTIVITY_H
#define SLUICE_STORE_ACTIVITY_H

#include "store/store.h"

#include <stdint.h>

struct activity {
    int64_t sequence; /* 1, 2, 3, ... without gaps; set by append */
    int64_t at_ms;
    const char *actor;  /* "alice", "step run/evaluate", "sluice" */
    const char *action; /* "run.started", "approval.approved", "alias.moved", "model.registered", "gate.refused"... */
    const char *object; /* "run wine 12", "model wine", ... */
    const char *object_id;  /* run id, name/version... */
    const char *from_state; /* "" when it has none */
    const char *to_state;
    const char *reason;
    const char *evidence_sha256; /* "" when there is none */
    const char *chain; /* 64 hex: HMAC(key, previous chain, this row's fields) ; set by append */
};

/* The key is the home's (32 bytes); it must be set before append or verify. */
void store_activity_set_key(struct store *store, const unsigned char key[32]);
int store_activity_append(struct store *store, const struct activity *activity, struct err *err);
/* Newest first with `newest_first`, after/before `from_sequence` (0: from the end/start), at most `limit`; `object_id`
 * NULL for all. */
int store_activity_list(struct store *store, const char *object_id, bool newest_first, int64_t from_sequence,
                        size_t limit, struct arena *arena, struct activity **ret, size_t *ret_count, struct err *err);
/* Walks the whole chain. 0 when it holds, with the number of rows and the head; -1 ERR_CORRUPT naming the first row
 * that does not. `expect_head` ("SEQUENCE:HEX", NULL for none) must lie on the chain: finds a cut tail. */
int store_activity_verify(struct store *store, const char *expect_head, int64_t *ret_count, char ret_head[96],
                          struct err *err);

/* ---- segments ----
 * A home that was restored begins a segment with a row of ACTIVITY_RESTORED: its evidence is the digest of all rows
 * before it as they came, so that they are held by it also when the home that wrote them had another key. Verifying
 * then takes the word of that row for them. */
#define ACTIVITY_RESTORED "home.restored"
/* Of all rows there are, without a key. */
int store_activity_fold(struct store *store, char ret_sha256[65], struct err *err);
/* The last sequence of another key, as the last verification of this store found it; 0: none. */
int64_t store_activity_foreign(const struct store *store);

#endif
