/* SPDX-License-Identifier: Apache-2.0
 * The users and tokens of a home, in memory: read again when they have changed (store_users_version), so that asking
 * who somebody is costs no question to the store.
 */
#ifndef SLUICE_AUTH_DIRECTORY_H
#define SLUICE_AUTH_DIRECTORY_H

#include "store/users.h"

struct directory;

struct directory *directory_new(struct store *store);
void directory_free(struct directory *directory);
/* Call it before the others, each time: what they gave is then gone, if something has changed. */
int directory_refresh(struct directory *directory, struct err *err);
/* The version that was read last. */
uint64_t directory_version(const struct directory *directory);
size_t directory_user_count(const struct directory *directory);
/* NULL when there is none. */
const struct user_row *directory_user(const struct directory *directory, struct str name);
const struct user_row *directory_user_by_id(const struct directory *directory, int64_t user_id);
/* By the digest of the token; NULL when there is none. Revoked and expired ones are found, too. Its used_ms may be set:
 * what is set is told to the store by directory_keep_uses. */
struct token_row *directory_token(const struct directory *directory, const char *sha256);
/* Writes down when tokens were used, if that is more than a minute after what is written; in a transaction that is
 * begun if need be. */
bool directory_has_uses(const struct directory *directory);
int directory_keep_uses(struct directory *directory, struct err *err);

#endif
