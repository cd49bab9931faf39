/* SPDX-License-Identifier: Apache-2.0
 * Links by which somebody may decide once about an approval, without a login: for people who get a mail.
 *
 * A token is 32 random bytes and an HMAC under the home's key over them, the approval, the digest of what was to be
 * reviewed, the person and the end. The database has its SHA-256 alone: who reads it finds no link, and who writes it
 * without the key makes none.
 */
#ifndef SLUICE_STORE_APPROVAL_LINKS_H
#define SLUICE_STORE_APPROVAL_LINKS_H

#include "store/store.h"

#include <stdint.h>

enum { APPROVAL_LINK_TOKEN_BYTES = 160 };

struct approval_link {
    int64_t id;
    int64_t wait;
    const char *person;
    int64_t user_id; /* 0: there were no users when it was made */
    const char *evidence_sha256;
    const char *made_by;
    int64_t created_ms, expires_ms;
    int64_t ended_ms;     /* 0: it may be used */
    const char *decision; /* "approve", "reject"; NULL: it was not used */
};

/* What is asked for; the rest is filled in by what there is. */
struct approval_link_offer {
    int64_t wait;
    const char *person;
    const char *made_by;
    int64_t for_ms; /* how long it is good, at most until the approval expires */
    int64_t now_ms;
};
/* Makes one, in the caller's transaction, with an entry of the activity log; an older one of that person about that
 * approval is none any more. ERR_STATE when the approval has ended, ERR_DENIED when the person may not decide, or who
 * makes the link is excluded from deciding himself; ERR_NOT_FOUND when there are users and none of that name;
 * ERR_INPUT for another time than 1 minute to 30 days. */
int store_approval_link_make(struct store *store, const struct approval_link_offer *offer, struct arena *arena,
                             char ret_token[APPROVAL_LINK_TOKEN_BYTES], struct approval_link *ret, struct err *err);
/* The link that the token is, used or not: 1; 0: there is none, and nothing tells why; -1. */
int store_approval_link_find(struct store *store, struct str token, struct arena *arena, struct approval_link *ret,
                             struct err *err);
/* It is used; in the transaction of the word. ERR_STATE when it was used already, or replaced. */
int store_approval_link_use(struct store *store, int64_t id, const char *decision, const char *address, int64_t now_ms,
                            struct err *err);

#endif
