/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/seal.h"

#include "base/log.h"

#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>

enum { VERSION = 1, NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES };

_Static_assert(SEAL_MASTER_BYTES == crypto_kdf_KEYBYTES, "the master is a key of crypto_kdf");
_Static_assert(sizeof((struct seal_key){0}.bytes) == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "the size of a key");
_Static_assert(SEAL_OVERHEAD_BYTES == 1 + NONCE_BYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES, "what is added");

/* Without random numbers nothing can be sealed, and nobody should believe it was. */
static void begin(void)
{
    if (sodium_init() < 0) {
        log_error("seal", "libsodium finds no source of random numbers");
        abort();
    }
}

/* ---- keys ------------------------------------------------------------------------------------------------------ */

void seal_key_derive(const unsigned char master[SEAL_MASTER_BYTES], const char *purpose, struct seal_key *ret_key)
{
    char context[crypto_kdf_CONTEXTBYTES] = {0};
    unsigned char id[crypto_kdf_BYTES_MIN];
    begin();
    memcpy(context, purpose, strnlen(purpose, sizeof context));
    (void)crypto_kdf_derive_from_key(ret_key->bytes, sizeof ret_key->bytes, 1, context, master);
    (void)crypto_kdf_derive_from_key(id, sizeof id, 2, context, master);
    (void)sodium_bin2hex(ret_key->id, sizeof ret_key->id, id, SEAL_ID_BYTES);
}

void seal_key_wipe(struct seal_key *key)
{
    sodium_memzero(key, sizeof *key);
}

int seal_master_parse(struct str text, unsigned char ret_master[SEAL_MASTER_BYTES], struct err *err)
{
    static const int alphabets[] = {sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
                                    sodium_base64_VARIANT_URLSAFE, sodium_base64_VARIANT_URLSAFE_NO_PADDING};
    unsigned char master[SEAL_MASTER_BYTES];
    size_t size = 0;
    text = str_trim(text);
    bool read = text.n == 2 * sizeof master &&
                sodium_hex2bin(master, sizeof master, text.p, text.n, NULL, &size, NULL) == 0 && size == sizeof master;
    for (size_t i = 0; !read && i < sizeof alphabets / sizeof alphabets[0]; i++) {
        const char *end = NULL;
        read = text.n > 0 &&
               sodium_base642bin(master, sizeof master, text.p, text.n, NULL, &size, &end, alphabets[i]) == 0 &&
               end == text.p + text.n && size == sizeof master;
    }
    if (read) {
        memcpy(ret_master, master, sizeof master);
    }
    sodium_memzero(master, sizeof master);
    return read ? 0
                : err_set(err, ERR_INPUT,
                          "expected 32 bytes, as 64 hex digits or 44 characters of base64, found %zu characters",
                          text.n);
}

/* ---- sealing ----------------------------------------------------------------------------------------------------- */

struct str seal_context(struct arena *arena, const struct str *parts, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += 8 + parts[i].n;
    }
    char *text = arena_alloc(arena, size + 1);
    char *at = text;
    for (size_t i = 0; i < count; i++) {
        for (int byte = 0; byte < 8; byte++) {
            *at++ = (char)(unsigned char)((uint64_t)parts[i].n >> (8 * byte));
        }
        if (parts[i].n > 0) {
            memcpy(at, parts[i].p, parts[i].n);
            at += parts[i].n;
        }
    }
    return (struct str){text, size};
}

/* The version is bound, too. */
static struct str bound(struct arena *arena, struct str context)
{
    const struct str parts[] = {STR("sluice sealed 1"), context};
    return seal_context(arena, parts, 2);
}

struct str seal(const struct seal_key *key, struct str context, struct str text, struct arena *arena)
{
    begin();
    size_t padded = text.n;
    size_t room = text.n + SEAL_BLOCK_BYTES;
    unsigned char *sealed = arena_alloc(arena, SEAL_OVERHEAD_BYTES + room);
    unsigned char *body = sealed + 1 + NONCE_BYTES;
    struct str also = bound(arena, context);
    unsigned long long size = 0;
    if (text.n > 0) {
        memcpy(body, text.p, text.n);
    }
    if (sodium_pad(&padded, body, text.n, SEAL_BLOCK_BYTES, room) != 0) {
        abort(); /* there is room for a block */
    }
    sealed[0] = VERSION;
    randombytes_buf(sealed + 1, NONCE_BYTES);
    /* In place: the text is nowhere else. */
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(body, &size, body, padded, (const unsigned char *)also.p, also.n,
                                                     NULL, sealed + 1, key->bytes);
    return (struct str){(const char *)sealed, 1 + NONCE_BYTES + (size_t)size};
}

int seal_open(const struct seal_key *key, struct str context, struct str sealed, struct arena *arena,
              struct str *ret_text, struct err *err)
{
    begin();
    if (sealed.n < SEAL_OVERHEAD_BYTES + SEAL_BLOCK_BYTES) {
        return err_set(err, ERR_CORRUPT, "what is sealed was changed: it has %zu bytes", sealed.n);
    }
    if (sealed.p[0] != VERSION) {
        return err_set(err, ERR_CORRUPT, "what is sealed was changed, or is of a newer sluice: version %u, expected %d",
                       (unsigned)(unsigned char)sealed.p[0], VERSION);
    }
    struct str body = str_slice(sealed, 1 + NONCE_BYTES, sealed.n);
    struct str also = bound(arena, context);
    unsigned char *text = arena_alloc(arena, body.n + 1);
    unsigned long long size = 0;
    size_t length = 0;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(text, &size, NULL, (const unsigned char *)body.p, body.n,
                                                   (const unsigned char *)also.p, also.n,
                                                   (const unsigned char *)sealed.p + 1, key->bytes) != 0 ||
        sodium_unpad(&length, text, (size_t)size, SEAL_BLOCK_BYTES) != 0) {
        return err_set(err, ERR_CORRUPT, "what is sealed was changed");
    }
    sodium_memzero(text + length, (size_t)size - length);
    *ret_text = (struct str){(const char *)text, length};
    return 0;
}

/* ---- as text ----------------------------------------------------------------------------------------------------- */

struct str seal_to_text(struct str sealed, struct arena *arena)
{
    size_t size = sodium_base64_encoded_len(sealed.n, sodium_base64_VARIANT_ORIGINAL);
    char *text = arena_alloc(arena, size);
    (void)sodium_bin2base64(text, size, (const unsigned char *)sealed.p, sealed.n, sodium_base64_VARIANT_ORIGINAL);
    return str_from(text);
}

int seal_from_text(struct str text, struct arena *arena, struct str *ret_sealed, struct err *err)
{
    unsigned char *bytes = arena_alloc(arena, text.n + 1);
    const char *end = NULL;
    size_t size = 0;
    if (sodium_base642bin(bytes, text.n + 1, text.p, text.n, NULL, &size, &end, sodium_base64_VARIANT_ORIGINAL) != 0 ||
        end != text.p + text.n) {
        return err_set(err, ERR_INPUT, "expected sealed bytes in base64");
    }
    *ret_sealed = (struct str){(const char *)bytes, size};
    return 0;
}
