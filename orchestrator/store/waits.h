/* SPDX-License-Identifier: Apache-2.0
 * Waits and the votes of people on approvals.
 */
#ifndef SLUICE_STORE_WAITS_H
#define SLUICE_STORE_WAITS_H

#include "run/approval.h"
#include "run/run.h"
#include "store/store.h"

#include <stdint.h>

struct wait_row {
    int64_t id;
    int64_t attempt;
    const char *run_id;
    int64_t position, item;
    const char *kind;
    const char *spec;    /* JSON */
    const char *state;   /* JSON */
    const char *status;  /* "open", "met", "rejected", "expired", "withdrawn", "void" */
    const char *outcome; /* JSON or NULL */
    const char *model_id; /* of an approval: the logged model it is about; NULL: none. Only for store_wait_insert */
    int64_t check_ms;    /* 0: none */
    int64_t expires_ms;  /* 0: never */
    int64_t created_ms, ended_ms;
};
int store_wait_insert(struct store *store, struct wait_row *wait, struct err *err); /* sets id */
/* Writes spec, check_ms, expires_ms; and status, outcome, ended_ms once: a wait that is not open does not change
 * (ERR_STATE). */
int store_wait_update(struct store *store, const struct wait_row *wait, struct err *err);
/* Open waits of a run, or of all (run_id NULL), oldest first. With `all`, the ended ones too. */
int store_wait_list(struct store *store, const char *run_id, bool all, struct arena *arena, struct wait_row **ret,
                    size_t *ret_count, struct err *err);
int store_wait_get(struct store *store, int64_t id, struct arena *arena, struct wait_row *ret, struct err *err);
/* The open waits that must be looked at, since their check_ms or expires_ms has come, oldest first. `ret_next_ms`: when
 * the first of the others must be; 0: none. */
int store_wait_list_due(struct store *store, int64_t now_ms, struct arena *arena, struct wait_row **ret,
                        size_t *ret_count, int64_t *ret_next_ms, struct err *err);

/* The open waits of a kind are due at `now_ms`. */
int store_waits_due(struct store *store, const char *kind, int64_t now_ms, struct err *err);

/* The places of the open approvals of a run, in ascending order. */
int store_wait_approvals(struct store *store, const char *run_id, struct arena *arena, struct run_place **ret,
                         size_t *ret_count, struct err *err);
/* Ends, as withdrawn, the open waits of the items of the run that have their end already. */
int store_waits_withdraw(struct store *store, const struct run *run, int64_t now_ms, struct err *err);
/* The approvals about a logged model, ended or not, oldest first. */
int store_wait_list_of(struct store *store, const char *model_id, struct arena *arena, struct wait_row **ret,
                       size_t *ret_count, struct err *err);
/* The open approvals of a version at steps of this name (in any case), oldest first. */
int store_wait_approvals_of(struct store *store, const char *model_name, int64_t version, const char *step,
                            struct arena *arena, struct wait_row **ret, size_t *ret_count, struct err *err);
/* The attempts that have an open wait, in the order of their ids. */
int store_waits_open(struct store *store, struct arena *arena, int64_t **ret_attempts, size_t *ret_count,
                     struct err *err);
/* The last wait of an attempt that has ended with an outcome: 1 with it, 0 when there is none, -1. */
int store_wait_last(struct store *store, const char *run_id, int64_t attempt, struct arena *arena, struct wait_row *ret,
                    struct err *err);

struct vote {
    const char *actor;
    const char *decision; /* "approve" or "reject" */
    const char *reason;
    const char *groups; /* JSON list: of the actor, or of whom he decided for */
    int64_t at_ms;
    const char *login;  /* "system": an account of the operating system; "server": a login of `sluice serve`; "tag": the
                         * tag of a version, set by such a login; "link": a link for him. NULL in store_vote_put:
                         * "system" */
    const char *on_behalf_of; /* whose voice it is, by his delegation; NULL: the actor's own */
};
/* Whose voice a vote is: who is counted. */
static inline const char *vote_voice(const struct vote *vote)
{
    return vote->on_behalf_of != NULL ? vote->on_behalf_of : vote->actor;
}
int store_vote_put(struct store *store, int64_t wait, const struct vote *vote, struct err *err);
int store_vote_list(struct store *store, int64_t wait, struct arena *arena, struct vote **ret, size_t *ret_count,
                    struct err *err);
/* The same as the rules of approvals take it; both lists have `*ret_count` items. */
int store_vote_voices(struct store *store, int64_t wait, struct arena *arena, struct vote **ret_votes,
                      struct approval_vote **ret_voices, size_t *ret_count, struct err *err);

#endif
