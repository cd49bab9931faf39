/* SPDX-License-Identifier: Apache-2.0
 * Users and their tokens, as they are kept: hashes only. What makes and changes them is auth/account.h.
 */
#ifndef SLUICE_STORE_USERS_H
#define SLUICE_STORE_USERS_H

#include "base/str.h"
#include "store/roles.h"
#include "store/store.h"

struct user_row {
    int64_t user_id;
    const char *name;
    const char *password_hash;
    enum role role;       /* his own: groups may raise it (auth/group_roles.h) */
    int64_t created_ms;
    int64_t password_ms; /* when the password was last set */
};

struct token_row {
    const char *token_id;
    int64_t user_id;
    const char *user; /* his name; of a read only */
    const char *name; /* what it is for; "": not said */
    const char *sha256;
    enum role role;     /* he has at most this one by it */
    int64_t created_ms;
    int64_t expires_ms; /* 0: never */
    int64_t used_ms;    /* 0: not yet */
    int64_t revoked_ms; /* 0: it is not */
    const int64_t *experiments; /* the only ones it is for; NULL: all */
    size_t experiment_count;
};

/* Another number when a user or token may have changed in this process since it was last asked for; also when a change
 * was taken back. */
uint64_t store_users_version(const struct store *store);

/* ---- users ---- */
/* ERR_EXISTS in MLflow's words when the name is taken. The row's id is not read. */
int store_user_add(struct store *store, const struct user_row *user, int64_t *ret_id, struct err *err);
/* ERR_NOT_FOUND in MLflow's words. */
int store_user_get(struct store *store, const char *name, struct arena *arena, struct user_row *ret, struct err *err);
/* By name. */
int store_user_list(struct store *store, struct arena *arena, struct user_row **ret, size_t *ret_count,
                    struct err *err);
int store_user_set_password(struct store *store, int64_t user_id, const char *password_hash, int64_t now_ms,
                            struct err *err);
int store_user_set_role(struct store *store, int64_t user_id, enum role role, struct err *err);
/* With his tokens and permissions. */
int store_user_remove(struct store *store, int64_t user_id, struct err *err);

/* ---- tokens ---- */
int store_token_add(struct store *store, const struct token_row *token, struct err *err);
/* By user and time, revoked ones, too. */
int store_token_list(struct store *store, struct arena *arena, struct token_row **ret, size_t *ret_count,
                     struct err *err);
/* ERR_NOT_FOUND when there is none; one that is revoked already stays as it was. */
int store_token_revoke(struct store *store, const char *token_id, int64_t now_ms, struct err *err);
/* Says when it was last used; no change that store_users_version counts. */
int store_token_used(struct store *store, const char *token_id, int64_t used_ms, struct err *err);

#endif
