/* SPDX-License-Identifier: Apache-2.0
 * Sealing: bytes that only the holder of a key can read, and that nobody without it can change unseen.
 *
 * XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha, by libsodium) under a random nonce of 24 bytes. What is sealed is bound
 * to a context, which is not stored with it: opened in another context, it is refused. Sealed bytes are
 *
 *     1 byte the version (1) | 24 the nonce | the padded text, encrypted | 16 the tag
 *
 * The text is padded to whole blocks of 64 bytes (ISO/IEC 7816-4), so that its length is not told.
 *
 * The key is derived (crypto_kdf, BLAKE2b) from 32 master bytes, and has an id, derived from them, too: it tells keys
 * apart and says nothing about them.
 */
#ifndef SLUICE_CRYPTO_SEAL_H
#define SLUICE_CRYPTO_SEAL_H

#include "base/arena.h"
#include "base/err.h"

enum { SEAL_MASTER_BYTES = 32, SEAL_ID_BYTES = 8, SEAL_BLOCK_BYTES = 64, SEAL_OVERHEAD_BYTES = 1 + 24 + 16 };

struct seal_key {
    unsigned char bytes[32];
    char id[2 * SEAL_ID_BYTES + 1]; /* hex digits */
};

/* `purpose` is 8 characters ("secrets_"): other purposes give other keys. */
void seal_key_derive(const unsigned char master[SEAL_MASTER_BYTES], const char *purpose, struct seal_key *ret_key);
/* Overwrites it. */
void seal_key_wipe(struct seal_key *key);
/* 32 bytes from text: 64 hex digits, or base64 (either alphabet, with or without '='). */
int seal_master_parse(struct str text, unsigned char ret_master[SEAL_MASTER_BYTES], struct err *err);

/* The parts of a context in one text, each behind its length, so that parts cannot run together. */
struct str seal_context(struct arena *arena, const struct str *parts, size_t count);
/* Never fails. The result lies in `arena`. */
struct str seal(const struct seal_key *key, struct str context, struct str text, struct arena *arena);
/* Does not look at the key's id: compare ids first, to tell a wrong key from changed bytes. ERR_CORRUPT when the bytes
 * were sealed under another key or in another context, or were changed. */
int seal_open(const struct seal_key *key, struct str context, struct str sealed, struct arena *arena,
              struct str *ret_text, struct err *err);

/* Sealed bytes as base64, for messages; and back, ERR_INPUT when it is none. */
struct str seal_to_text(struct str sealed, struct arena *arena);
int seal_from_text(struct str text, struct arena *arena, struct str *ret_sealed, struct err *err);

#endif
