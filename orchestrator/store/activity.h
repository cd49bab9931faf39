/* SPDX-License-Identifier: Apache-2.0
 * The activity log: append-only, chained by HMAC under the home's key: who did what to which object, from which state
 * to which, why, and the digest of the evidence (docs/records.md says what the chain proves and what not).
 */
#ifndef SLUICE_STORE_ACTIVITY_H
#define SLUICE_STORE_ACTIVITY_H

#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct digest;

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
    const char *address; /* "192.0.2.7": from where; "": here. NULL of append: as store_activity_set_origin says */
    const char *means;   /* "password", "token 3f9a01c2", "step": by what the actor was known; "": as an account of this
                          * machine, or as nobody. NULL of append: the same */
};

/* The key is the home's (32 bytes); it must be set before append or verify. */
void store_activity_set_key(struct store *store, const unsigned char key[32]);
void store_activity_share_key(struct store *store, const struct store *with);
/* The HMAC of a text under the key: proves to who has it that the home has written the text. ERR_STATE without one. */
int store_key_hmac(const struct store *store, struct str text, struct digest *ret, struct err *err);
/* Where what is done from now on was asked from, and by what the actor is known; both NULL: here. */
void store_activity_set_origin(struct store *store, const char *address, const char *means);
int store_activity_append(struct store *store, const struct activity *activity, struct err *err);
/* Newest first with `newest_first`, after/before `from_sequence` (0: from the end/start), at most `limit`; `object_id`
 * NULL for all. */
int store_activity_list(struct store *store, const char *object_id, bool newest_first, int64_t from_sequence,
                        size_t limit, struct arena *arena, struct activity **ret, size_t *ret_count, struct err *err);
enum activity_outcome { ACTIVITY_ANY, ACTIVITY_DONE, ACTIVITY_REFUSED };
/* NULL and 0: any. */
struct activity_filter {
    const char *object_id;
    const char *actor;
    const char *address; /* "": what was asked for on this machine */
    const char *action;  /* "run.started", or "run.*": all that begin so */
    enum activity_outcome outcome; /* refused: a call, a gate, a configuration: "….refused" */
    int64_t since_ms, until_ms; /* at or after; before */
    bool newest_first;
    int64_t from_sequence; /* those after it, or before it with `newest_first` */
    int64_t last_sequence; /* none after it */
    size_t limit;
};
int store_activity_find(struct store *store, const struct activity_filter *filter, struct arena *arena,
                        struct activity **ret, size_t *ret_count, struct err *err);
/* The last row: "SEQUENCE:HEX", "0:" when there is none. */
int store_activity_head_text(struct store *store, int64_t *ret_sequence, char ret_head[96], struct err *err);
/* Walks the whole chain. 0 when it holds, with the number of rows and the head; -1 ERR_CORRUPT naming the first row
 * that does not. `expect_head` ("SEQUENCE:HEX", NULL for none) must lie on the chain: finds a cut tail. */
int store_activity_verify(struct store *store, const char *expect_head, int64_t *ret_count, char ret_head[96],
                          struct err *err);
/* The same in slices: begin, then `some` as long as it gives 1; 0: the chain holds, up to `sequence`. */
struct activity_check {
    int64_t sequence; /* of the last row that was looked at */
    char chain[96];
    char expected[96]; /* a head that must lie on it; "": none */
};
int store_activity_verify_begin(struct store *store, const char *expect_head, struct activity_check *ret,
                                struct err *err);
int store_activity_verify_some(struct store *store, struct activity_check *check, size_t rows, struct err *err);

/* ---- segments ----
 * A home that was restored begins a segment with a row of ACTIVITY_RESTORED: its evidence is the digest of all rows
 * before it as they came, so that they are held by it also when the home that wrote them had another key. Verifying
 * then takes the word of that row for them. */
#define ACTIVITY_RESTORED "home.restored"
/* Of all rows there are, without a key. */
int store_activity_fold(struct store *store, char ret_sha256[65], struct err *err);
/* The last sequence of another key, as the last verification of this store found it; 0: none. */
int64_t store_activity_foreign(const struct store *store);
/* What a row is chained to: the chain of the row before it, or how the log begins. */
int store_activity_before(struct store *store, int64_t sequence, char ret_chain[96], struct err *err);
/* Is the row what was chained to `before` under the key? Needs no store: of a row that was written down elsewhere. */
bool activity_row_holds(const unsigned char key[32], const char *before, const struct activity *row);

#endif
