/* SPDX-License-Identifier: Apache-2.0
 * SHA-256 (FIPS 180-4), for plugins that verify bytes while they copy them.
 *
 *     struct sha256 sha256;
 *     char hex[SHA256_HEX];
 *     sha256_begin(&sha256);
 *     sha256_add(&sha256, bytes, size);
 *     sha256_end(&sha256, hex);
 */
#ifndef SLUICE_SHARED_SHA256_H
#define SLUICE_SHARED_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_HEX = 65 }; /* 64 lower-case hex digits and the NUL */

struct sha256 {
    uint32_t state[8];
    uint64_t bytes;
    unsigned char block[64];
};

void sha256_begin(struct sha256 *sha256);
void sha256_add(struct sha256 *sha256, const void *bytes, size_t size);
/* The digest; begin again before the next use. */
void sha256_end(struct sha256 *sha256, char ret_hex[SHA256_HEX]);

#endif
