/* SPDX-License-Identifier: Apache-2.0
 * Whether something comes from who it says: what others have signed, over parts that are not put together first.
 *
 * Everything here that looks at a secret takes the same time whether it holds or not.
 */
#ifndef SLUICE_CRYPTO_SIGNATURE_H
#define SLUICE_CRYPTO_SIGNATURE_H

#include "digest/digest.h"

#include <stdbool.h>

enum { SIGNATURE_HMAC_BYTES = DIGEST_BYTES, SIGNATURE_KEY_BYTES = 32, SIGNATURE_ED25519_BYTES = 64 };

/* In base64, with its padding. */
void signature_to_base64(const unsigned char bytes[SIGNATURE_HMAC_BYTES], char ret[45]);
/* Equal bytes? In constant time. */
bool signature_same(const unsigned char *a, const unsigned char *b, size_t size);
/* Equal texts, of which one is a secret? Takes no other time for one that is nearly right, or as long. */
bool signature_same_text(struct str a, struct str b);
/* 64 hex digits, in either case. */
bool signature_from_hex(struct str text, unsigned char ret[SIGNATURE_HMAC_BYTES]);
/* Exactly `size` bytes in base64 with its padding. */
bool signature_from_base64(struct str text, unsigned char *ret, size_t size);
/* Ed25519 (RFC 8032) over the parts, one behind the other. */
bool signature_ed25519(const unsigned char key[SIGNATURE_KEY_BYTES], const struct str *parts, size_t count,
                       const unsigned char signature[SIGNATURE_ED25519_BYTES]);

#endif
