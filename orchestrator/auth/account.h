/* SPDX-License-Identifier: Apache-2.0
 * Making and changing users, tokens and permissions: the rules, and a row in the activity log for each.
 *
 * The first user is an admin, and the last admin stays one, whatever groups say: else nobody could let anyone in.
 * Functions run in the transaction that the caller has begun, but for account_obey, which has its own.
 */
#ifndef SLUICE_AUTH_ACCOUNT_H
#define SLUICE_AUTH_ACCOUNT_H

#include "base/json.h"
#include "store/permissions.h"
#include "store/users.h"

/* Who changes something, and when. */
struct account_change {
    struct store *store;
    const char *actor;
    int64_t now_ms;
    struct arena *arena;
};

enum { ACCOUNT_NAME_MAX_BYTES = 128, ACCOUNT_TOKEN_NAME_MAX_BYTES = 200, ACCOUNT_TOKEN_EXPERIMENTS_MAX = 1000 };

/* 1 to 128 bytes of UTF-8 without control characters, what is not seen, ':' (which Basic cannot send), or blanks at the
 * ends. */
int account_check_name(const char *name, struct err *err);

int account_user_create(const struct account_change *change, const char *name, const char *password_hash,
                        enum role role, int64_t *ret_id, struct err *err);
int account_user_password(const struct account_change *change, const char *name, const char *password_hash,
                          struct err *err);
int account_user_role(const struct account_change *change, const char *name, enum role role, struct err *err);
int account_user_remove(const struct account_change *change, const char *name, struct err *err);

/* Its times, hash and user's id are filled in from here: `token` says token_id, name, sha256, role, expires_ms and
 * experiments. */
int account_token_create(const struct account_change *change, const char *user, struct token_row *token,
                         struct err *err);
int account_token_revoke(const struct account_change *change, const char *token_id, struct err *err);

/* Of a permission that is there, or is not yet; PERMISSION_NONE is one, too. */
int account_permit(const struct account_change *change, const struct user_row *user,
                   const struct permission_object *object, enum permission permission, struct err *err);
/* 1 when there was one, 0, -1. */
int account_forbid(const struct account_change *change, const struct user_row *user,
                   const struct permission_object *object, struct err *err);

/* What the command line asks, of this process or of the one that holds the home: one of
 *   {"do": "user.create", "name", "hash", "role"}          {"do": "user.remove", "name"}
 *   {"do": "user.password", "name", "hash"}                {"do": "user.role", "name", "role"}
 *   {"do": "token.create", "user", "id", "name", "sha256", "role", "expires_ms", "experiments": [id, ...]}
 *   {"do": "token.revoke", "id"}
 * in a transaction. */
int account_obey(struct store *store, const struct json *request, const char *actor, struct arena *arena,
                 struct err *err);

#endif
