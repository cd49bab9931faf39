/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/password.h"

#include "base/log.h"
#include "base/utf8.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { PASSES = 2, MEMORY_BYTES = 19 << 20, TOKEN_RANDOM_BYTES = 32 };

_Static_assert(PASSWORD_HASH_BYTES >= crypto_pwhash_STRBYTES, "a hash as text has room");
_Static_assert(PASSWORD_MARK_BYTES == crypto_generichash_BYTES, "a mark is one hash");

const char password_of_nobody[] =
    "$argon2id$v=19$m=19456,t=2,p=1$k6mK/tlkaE8mMpo0C27QIw$6MeLd4QM/8gq5lkIG++rlvWCzcoZHuCD2iD/IGOzkjY";

static void begin(void)
{
    if (sodium_init() < 0) {
        log_error("password", "libsodium finds no source of random numbers");
        abort();
    }
}

static size_t count_characters(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.n; i++) {
        count += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    }
    return count;
}

int password_check(struct str password, struct err *err)
{
    if (password.n > PASSWORD_MAX_BYTES || !utf8_valid(password) || str_find_byte(password, '\0', 0) >= 0) {
        (void)err_set(err, ERR_INPUT, "the password: expected UTF-8 of at most %d bytes, without a NUL",
                      PASSWORD_MAX_BYTES);
        return err_as_mlflow(err, "Password must be UTF-8 of at most %d bytes, without a NUL.", PASSWORD_MAX_BYTES);
    }
    if (count_characters(password) >= PASSWORD_MIN_CHARACTERS) {
        return 0;
    }
    (void)err_set(err, ERR_INPUT, "the password: expected at least %d characters, found %zu", PASSWORD_MIN_CHARACTERS,
                  count_characters(password));
    return err_as_mlflow(err, "Password must be at least %d characters.", PASSWORD_MIN_CHARACTERS);
}

int password_hash(struct str password, char ret_hash[PASSWORD_HASH_BYTES], struct err *err)
{
    begin();
    memset(ret_hash, 0, PASSWORD_HASH_BYTES);
    return crypto_pwhash_str_alg(ret_hash, password.p, password.n, PASSES, MEMORY_BYTES,
                                 crypto_pwhash_ALG_ARGON2ID13) == 0
               ? 0
               : err_set(err, ERR_LIMIT, "there is no memory to hash a password in");
}

bool password_verify(const char *hash, struct str password)
{
    begin();
    return crypto_pwhash_str_verify(hash, password.p == NULL ? "" : password.p, password.n) == 0;
}

struct password_mark password_mark_of(struct str bytes)
{
    static unsigned char key[crypto_generichash_KEYBYTES];
    static bool has_key;
    struct password_mark mark;
    if (!has_key) {
        begin();
        randombytes_buf(key, sizeof key);
        has_key = true;
    }
    (void)crypto_generichash(mark.bytes, sizeof mark.bytes, (const unsigned char *)bytes.p, bytes.n, key, sizeof key);
    return mark;
}

bool password_mark_equal(const struct password_mark *a, const struct password_mark *b)
{
    return sodium_memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

void password_token_new(char ret_token[PASSWORD_TOKEN_BYTES])
{
    static const char word[] = "sluice_";
    unsigned char bytes[TOKEN_RANDOM_BYTES];
    begin();
    randombytes_buf(bytes, sizeof bytes);
    (void)snprintf(ret_token, PASSWORD_TOKEN_BYTES, "%s", word);
    (void)sodium_bin2base64(ret_token + strlen(word), PASSWORD_TOKEN_BYTES - strlen(word), bytes, sizeof bytes,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bytes, sizeof bytes);
}

int password_from_base64(struct str text, char *room, size_t size, size_t *ret_size)
{
    const char *end = NULL;
    bool good = text.n > 0 && sodium_base642bin((unsigned char *)room, size, text.p, text.n, NULL, ret_size, &end,
                                                sodium_base64_VARIANT_ORIGINAL) == 0;
    return good && end == text.p + text.n ? 0 : -1;
}
