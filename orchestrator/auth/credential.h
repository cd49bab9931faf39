/* SPDX-License-Identifier: Apache-2.0
 * What an Authorization header says: a name and a password (Basic, RFC 7617), or a token (Bearer, RFC 6750).
 */
#ifndef SLUICE_AUTH_CREDENTIAL_H
#define SLUICE_AUTH_CREDENTIAL_H

#include "base/arena.h"
#include "base/str.h"

enum credential_kind {
    CREDENTIAL_NONE, /* there is no header */
    CREDENTIAL_BAD,  /* another scheme, no base64, no ':' in it, a NUL, or longer than a header may be */
    CREDENTIAL_PASSWORD,
    CREDENTIAL_TOKEN,
};

enum { CREDENTIAL_MAX_BYTES = 8 << 10 };

struct credential {
    enum credential_kind kind;
    struct str user;   /* of a password, NUL-terminated */
    struct str secret; /* the password or token; both may be empty */
};

/* The value of the header, "" when there is none. Texts lie in `arena`, or in the header. */
struct credential credential_read(struct str header, struct arena *arena);

#endif
