/* SPDX-License-Identifier: Apache-2.0
 * Hashes of passwords: argon2id (RFC 9106, by libsodium) over 19 MiB in two passes, which takes some 20 to 40 ms of one
 * core. The text says its parameters and its salt: "$argon2id$v=19$m=19456,t=2,p=1$...".
 *
 * Too slow for the loop: call password_hash and password_verify in a thread.
 */
#ifndef SLUICE_CRYPTO_PASSWORD_H
#define SLUICE_CRYPTO_PASSWORD_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

enum { PASSWORD_HASH_BYTES = 128, PASSWORD_MIN_CHARACTERS = 12, PASSWORD_MAX_BYTES = 1024 };

/* What a new password must be: at least 12 characters; of at most 1024 bytes of UTF-8 without a
 * NUL. */
int password_check(struct str password, struct err *err);
/* NUL-terminated. Fails only when there is no memory. */
int password_hash(struct str password, char ret_hash[PASSWORD_HASH_BYTES], struct err *err);
/* False also for a hash that is none. */
bool password_verify(const char *hash, struct str password);
/* Of a password that nobody knows: verified for users that there are not, it takes as long as for those there are. */
extern const char password_of_nobody[];

/* A short digest of secret bytes under a key that is drawn when the process begins: for remembering that they were good
 * without remembering them (BLAKE2b, keyed). */
enum { PASSWORD_MARK_BYTES = 32 };
struct password_mark {
    unsigned char bytes[PASSWORD_MARK_BYTES];
};
struct password_mark password_mark_of(struct str bytes);
/* In constant time. */
bool password_mark_equal(const struct password_mark *a, const struct password_mark *b);

/* 32 random bytes as text, 43 characters of base64url behind a word: "sluice_...". */
enum { PASSWORD_TOKEN_BYTES = 64 };
void password_token_new(char ret_token[PASSWORD_TOKEN_BYTES]);

/* Decodes base64 with its padding (RFC 7617 has it so); -1 when it is none, or longer than `room`. */
int password_from_base64(struct str text, char *room, size_t size, size_t *ret_size);

#endif
