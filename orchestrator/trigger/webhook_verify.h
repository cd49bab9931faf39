/* SPDX-License-Identifier: Apache-2.0
 * Whether a delivery comes from who it says: the senders of webhooks, and how each signs. Pure.
 *
 * The bytes of the body are what is checked, as they came and before anything reads them. All that looks at the secret
 * takes the same time for a signature that is right, nearly right and wrong.
 *
 * Sources: GitHub "Validating webhook deliveries"; GitLab "Webhooks" (secret token, signing token); Gitea "Webhooks";
 * Atlassian "Manage webhooks"; Standard Webhooks 1.0.0; for MLflow see docs/webhooks.md.
 */
#ifndef SLUICE_TRIGGER_WEBHOOK_VERIFY_H
#define SLUICE_TRIGGER_WEBHOOK_VERIFY_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    WEBHOOK_WINDOW_MS = 300000, /* how far the time of a delivery that carries one may be from ours, to either side */
    WEBHOOK_ID_MAX = 200,       /* bytes of a delivery's id that stand for themselves; more by their digest */
};

enum webhook_scheme {
    WEBHOOK_SIGNS_BODY,  /* HMAC-SHA256 of the body, in hex */
    WEBHOOK_SIGNS_STAMP, /* of "ID.TIME.BODY", in base64, a list of "VERSION,SIGNATURE" */
    WEBHOOK_SHOWS_TOKEN, /* the secret itself */
    WEBHOOK_SHOWS_NOTHING,
};

enum { WEBHOOK_SIGNATURES = 3, WEBHOOK_IDS = 2 };

/* A sender. Names of headers are in lower case. */
struct webhook_provider {
    const char *name; /* `verify` of a pipeline; NULL ends the table */
    enum webhook_scheme scheme;
    /* Where the signature or token stands, and what before it. The first that is there is the one that counts: a bad
     * one is not made good by another. */
    struct {
        const char *header, *prefix;
    } signatures[WEBHOOK_SIGNATURES];
    const char *time;             /* of WEBHOOK_SIGNS_STAMP, which signs the first of `ids`, too */
    bool key_is_base64;           /* the secret is "whsec_" and base64, or "whpk_" and a public key of Ed25519 */
    const char *ids[WEBHOOK_IDS]; /* what tells a delivery from others; it stays so when it is sent again */
    const char *type;             /* of the event; NULL: it stands in the body */
    const char *ping;             /* the type of a delivery that only tries the way */
    bool may_be_form;             /* the body may be a form, whose field `payload` is the JSON */
    const char *key_says;         /* a secret that begins so is another kind of key: WEBHOOK_SIGNS_STAMP by it */
};

/* NULL: there is none of that name. */
const struct webhook_provider *webhook_provider_named(struct str name);

struct webhook_request {
    struct json headers; /* {name in lower case: text} */
    struct str body;
};

/* 0: it is genuine. -1 in words that show no secret: ERR_DENIED when it is not, or too old or new; ERR_STATE when the
 * secret is none that this sender could have. `ret_time_ms`: when it was sent, if it says so, else 0. */
int webhook_verify(const struct webhook_provider *provider, struct str secret, const struct webhook_request *request,
                   int64_t now_ms, int64_t *ret_time_ms, struct err *err);
/* What takes as long as that does, for a delivery of which nothing is known. */
void webhook_verify_nothing(const struct webhook_request *request);

/* The delivery's id in the arena. One that has none: the digest of its body where the body is what is signed, since
 * that is then all that is known of it; else NULL. */
const char *webhook_delivery_id(const struct webhook_provider *provider, struct str secret,
                                const struct webhook_request *request, struct arena *arena);
/* May a header be kept and shown? Not one that carries a secret. */
bool webhook_header_is_plain(struct str name);

#endif
