/* SPDX-License-Identifier: Apache-2.0
 * Where a request goes: a URL taken apart, checked against the policy, without its credentials.
 */
#ifndef SLUICE_FETCH_TARGET_H
#define SLUICE_FETCH_TARGET_H

#include "base/address_policy.h"

struct fetch_target {
    const char *url;      /* without credentials and fragment */
    const char *scheme;   /* "http" or "https"; of mail "smtp" or "smtps" */
    const char *host;     /* without brackets */
    const char *place;    /* "example.org:443", for messages */
    const char *user;     /* decoded, or NULL */
    const char *password; /* decoded, or NULL */
};

/* Takes `url` apart; `from` is NULL, or where the URL was met, to which a relative one belongs (its credentials are
 * then dropped: a server may not choose them). -1 in words, without the URL's text: not http or https, no host, a
 * scheme or an address that the policy refuses. */
int fetch_target_parse(const char *url, const struct fetch_target *from, const struct address_policy *policy,
                       struct arena *arena, struct fetch_target *ret_target, struct err *err);
/* The same of a server that takes mail. */
int fetch_target_parse_mail(const char *url, const struct address_policy *policy, struct arena *arena,
                            struct fetch_target *ret_target, struct err *err);
/* The same scheme, host and port: what may see the same credentials. */
bool fetch_target_same_origin(const struct fetch_target *a, const struct fetch_target *b);

#endif
