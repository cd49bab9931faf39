/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/credential.h"

#include "crypto/password.h"

#include <strings.h>

static bool is_scheme(struct str word, const char *scheme)
{
    return word.n == strlen(scheme) && strncasecmp(word.p, scheme, word.n) == 0;
}

static struct credential read_basic(struct str text, struct arena *arena)
{
    static const struct credential bad = {.kind = CREDENTIAL_BAD};
    size_t size = 0;
    char *plain = arena_alloc(arena, text.n + 1);
    if (password_from_base64(text, plain, text.n, &size) < 0) {
        return bad;
    }
    plain[size] = '\0';
    char *colon = memchr(plain, ':', size);
    if (colon == NULL || memchr(plain, '\0', size) != NULL) {
        return bad;
    }
    *colon = '\0';
    return (struct credential){
        .kind = CREDENTIAL_PASSWORD,
        .user = {plain, (size_t)(colon - plain)},
        .secret = {colon + 1, (size_t)(plain + size - colon - 1)},
    };
}

struct credential credential_read(struct str header, struct arena *arena)
{
    struct str rest = str_trim(header);
    struct str scheme = {0};
    if (rest.n == 0) {
        return (struct credential){.kind = CREDENTIAL_NONE};
    }
    if (rest.n > CREDENTIAL_MAX_BYTES || !str_cut(&rest, ' ', &scheme) || rest.p == NULL) {
        return (struct credential){.kind = CREDENTIAL_BAD};
    }
    rest = str_trim(rest);
    return is_scheme(scheme, "Basic")    ? read_basic(rest, arena)
           : is_scheme(scheme, "Bearer") ? (struct credential){.kind = CREDENTIAL_TOKEN, .secret = rest}
                                         : (struct credential){.kind = CREDENTIAL_BAD};
}
