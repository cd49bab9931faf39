/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/signature.h"

#include "base/mem.h"
#include "digest/digest.h"

#include <sodium.h>
#include <stdlib.h>

void signature_to_base64(const unsigned char bytes[SIGNATURE_HMAC_BYTES], char ret[45])
{
    (void)sodium_bin2base64(ret, 45, bytes, SIGNATURE_HMAC_BYTES, sodium_base64_VARIANT_ORIGINAL);
}

bool signature_same(const unsigned char *a, const unsigned char *b, size_t size)
{
    return sodium_memcmp(a, b, size) == 0;
}

/* Under a key of the moment: what is compared then says nothing of either, nor of where they differ. */
bool signature_same_text(struct str a, struct str b)
{
    unsigned char key[32], of_a[SIGNATURE_HMAC_BYTES], of_b[SIGNATURE_HMAC_BYTES];
    const struct str moment = {(const char *)key, sizeof key};
    randombytes_buf(key, sizeof key);
    digest_hmac_bytes(moment, &a, 1, of_a);
    digest_hmac_bytes(moment, &b, 1, of_b);
    return signature_same(of_a, of_b, sizeof of_a);
}

bool signature_from_hex(struct str text, unsigned char ret[SIGNATURE_HMAC_BYTES])
{
    size_t size = 0;
    return text.n == 2 * (size_t)SIGNATURE_HMAC_BYTES &&
           sodium_hex2bin(ret, SIGNATURE_HMAC_BYTES, text.p, text.n, NULL, &size, NULL) == 0 &&
           size == SIGNATURE_HMAC_BYTES;
}

/* libsodium takes a '/' with its highest bit set for one. */
static bool is_ascii(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

bool signature_from_base64(struct str text, unsigned char *ret, size_t size)
{
    size_t got = 0;
    return text.n == sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL) - 1 && is_ascii(text) &&
           sodium_base642bin(ret, size, text.p, text.n, NULL, &got, NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
           got == size;
}

bool signature_ed25519(const unsigned char key[SIGNATURE_KEY_BYTES], const struct str *parts, size_t count,
                       const unsigned char signature[SIGNATURE_ED25519_BYTES])
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += parts[i].n;
    }
    unsigned char *whole = mem_alloc(size + 1);
    size = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(whole + size, parts[i].n == 0 ? "" : parts[i].p, parts[i].n);
        size += parts[i].n;
    }
    bool good = crypto_sign_verify_detached(signature, whole, size, key) == 0;
    free(whole);
    return good;
}
