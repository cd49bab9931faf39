/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger/webhook_verify.h"

#include "base/parse.h"
#include "digest/digest.h"
#include "crypto/password.h"
#include "crypto/signature.h"

#include <inttypes.h>
#include <strings.h>

/* Of a secret in base64, as Standard Webhooks has it: 24 to 64 bytes; some senders let their users give more. */
enum { KEY_MIN = 24, KEY_MAX = 256, LIST_MAX = 16 };
/* The last second of the year 9999. */
static const int64_t TIME_MAX_S = 253402300799;

static const struct webhook_provider providers[] = {
    {.name = "github",
     .scheme = WEBHOOK_SIGNS_BODY,
     .signatures = {{"x-hub-signature-256", "sha256="}},
     .ids = {"x-github-delivery"},
     .type = "x-github-event",
     .ping = "ping",
     .may_be_form = true},
    {.name = "gitlab",
     .scheme = WEBHOOK_SHOWS_TOKEN,
     .signatures = {{"x-gitlab-token", ""}},
     .ids = {"idempotency-key", "x-gitlab-event-uuid"},
     .type = "x-gitlab-event",
     .key_says = "whsec_"},
    {.name = "gitea",
     .scheme = WEBHOOK_SIGNS_BODY,
     .signatures = {{"x-forgejo-signature", ""}, {"x-gitea-signature", ""}, {"x-hub-signature-256", "sha256="}},
     .ids = {"x-gitea-delivery", "x-forgejo-delivery"},
     .type = "x-gitea-event",
     .may_be_form = true},
    {.name = "bitbucket",
     .scheme = WEBHOOK_SIGNS_BODY,
     .signatures = {{"x-hub-signature", "sha256="}},
     .ids = {"x-request-uuid", "x-request-id"},
     .type = "x-event-key",
     .ping = "diagnostics:ping"},
    {.name = "standard",
     .scheme = WEBHOOK_SIGNS_STAMP,
     .signatures = {{"webhook-signature", ""}},
     .time = "webhook-timestamp",
     .key_is_base64 = true,
     .ids = {"webhook-id"}},
    {.name = "mlflow",
     .scheme = WEBHOOK_SIGNS_STAMP,
     .signatures = {{"x-mlflow-signature", ""}},
     .time = "x-mlflow-timestamp",
     .ids = {"x-mlflow-delivery-id"}},
    {.name = "bearer",
     .scheme = WEBHOOK_SHOWS_TOKEN,
     .signatures = {{"authorization", "Bearer "}},
     .ids = {"idempotency-key", "webhook-id"}},
    {.name = "none", .scheme = WEBHOOK_SHOWS_NOTHING, .ids = {"idempotency-key", "webhook-id"}},
    {0},
};

const struct webhook_provider *webhook_provider_named(struct str name)
{
    for (const struct webhook_provider *provider = providers; provider->name != NULL; provider++) {
        if (str_is(name, provider->name)) {
            return provider;
        }
    }
    return NULL;
}

bool webhook_header_is_plain(struct str name)
{
    static const char *const secret[] = {"authorization", "proxy-authorization", "cookie", "x-gitlab-token"};
    for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++) {
        if (str_is(name, secret[i])) {
            return false;
        }
    }
    return true;
}

/* The text of a header; false when it is not there. */
static bool find_header(const struct webhook_request *request, const char *name, struct str *ret)
{
    const struct json *value = name == NULL ? NULL : json_get(&request->headers, name);
    *ret = value != NULL && value->type == JSON_STRING ? value->u.string : (struct str){0};
    return value != NULL && value->type == JSON_STRING;
}

/* What is signed by the key that this is: GitLab's signing token makes its deliveries those of Standard Webhooks. */
static const struct webhook_provider *by_key(const struct webhook_provider *provider, struct str secret)
{
    return provider->key_says != NULL && str_starts(secret, str_from(provider->key_says))
               ? webhook_provider_named(STR("standard"))
               : provider;
}

/* ---- the signature or token ------------------------------------------------------------------------------------- */

/* What is shown, without what has to stand before it, and the name of its header. */
static int find_shown(const struct webhook_provider *provider, const struct webhook_request *request, struct str *ret,
                      const char **ret_header, struct err *err)
{
    for (size_t i = 0; i < WEBHOOK_SIGNATURES && provider->signatures[i].header != NULL; i++) {
        struct str prefix = str_from(provider->signatures[i].prefix);
        *ret_header = provider->signatures[i].header;
        if (!find_header(request, *ret_header, ret)) {
            continue;
        }
        if (ret->n < prefix.n || strncasecmp(ret->p, prefix.p, prefix.n) != 0) { /* a scheme (RFC 9110, 11.1) */
            return err_set(err, ERR_DENIED, "the header %s does not begin with '%s'", *ret_header, prefix.p);
        }
        *ret = str_slice(*ret, prefix.n, ret->n);
        return 0;
    }
    return err_set(err, ERR_DENIED, "the header %s is missing", provider->signatures[0].header);
}

static int verify_body(struct str secret, const struct webhook_request *request, struct str shown, const char *header,
                       struct err *err)
{
    unsigned char expected[SIGNATURE_HMAC_BYTES], found[SIGNATURE_HMAC_BYTES];
    digest_hmac_bytes(secret, &request->body, 1, expected);
    if (!signature_from_hex(shown, found)) {
        return err_set(err, ERR_DENIED, "the header %s is no signature: expected 64 hex digits, found %zu characters",
                       header, shown.n);
    }
    return signature_same(expected, found, sizeof expected)
               ? 0
               : err_set(err, ERR_DENIED, "the signature in %s is not that of this body under the secret", header);
}

static int verify_token(struct str secret, const struct webhook_request *request, struct str shown, const char *header,
                        struct err *err)
{
    webhook_verify_nothing(request);
    return signature_same_text(secret, shown) ? 0
                                              : err_set(err, ERR_DENIED, "the token in %s is not the secret", header);
}

/* ---- ID.TIME.BODY ----------------------------------------------------------------------------------------------- */

/* A key of one of two kinds. */
struct stamp_key {
    unsigned char bytes[KEY_MAX];
    struct str secret; /* of HMAC; views `bytes` or the secret itself */
    bool is_public;    /* of Ed25519, in `bytes` */
};

static int read_stamp_key(const struct webhook_provider *provider, struct str secret, struct stamp_key *ret,
                          struct err *err)
{
    static const struct str public_word = {"whpk_", 5}, secret_word = {"whsec_", 6};
    size_t size = 0;
    *ret = (struct stamp_key){.secret = secret};
    if (!provider->key_is_base64) {
        return 0;
    }
    if (str_starts(secret, public_word)) {
        ret->is_public = true;
        struct str text = str_slice(secret, public_word.n, secret.n);
        return signature_from_base64(text, ret->bytes, SIGNATURE_KEY_BYTES)
                   ? 0
                   : err_set(err, ERR_STATE, "the secret is no public key: expected 'whpk_' and 32 bytes in base64");
    }
    struct str text = str_starts(secret, secret_word) ? str_slice(secret, secret_word.n, secret.n) : secret;
    if (password_from_base64(text, (char *)ret->bytes, sizeof ret->bytes, &size) < 0 || size < KEY_MIN) {
        return err_set(err, ERR_STATE, "the secret is none of Standard Webhooks: expected 'whsec_' and at least %d "
                                       "bytes in base64", KEY_MIN);
    }
    ret->secret = (struct str){(const char *)ret->bytes, size};
    return 0;
}

/* One of "v1,BASE64" or, with a public key, "v1a,BASE64". */
static bool holds(const struct stamp_key *key, const struct str *parts, size_t count,
                  const unsigned char expected[SIGNATURE_HMAC_BYTES], struct str one)
{
    unsigned char found[SIGNATURE_ED25519_BYTES];
    struct str version;
    (void)str_cut(&one, ',', &version);
    if (key->is_public) {
        return str_is(version, "v1a") && signature_from_base64(one, found, SIGNATURE_ED25519_BYTES) &&
               signature_ed25519(key->bytes, parts, count, found);
    }
    return str_is(version, "v1") && signature_from_base64(one, found, SIGNATURE_HMAC_BYTES) &&
           signature_same(expected, found, SIGNATURE_HMAC_BYTES);
}

/* Several, with blanks between them: the sender changes his key. */
static bool one_holds(const struct stamp_key *key, const struct str *parts, size_t count, struct str list)
{
    unsigned char expected[SIGNATURE_HMAC_BYTES];
    struct str one;
    bool good = false;
    digest_hmac_bytes(key->is_public ? (struct str){0} : key->secret, parts, count, expected);
    for (int i = 0; i < LIST_MAX && str_cut(&list, ' ', &one); i++) {
        good = holds(key, parts, count, expected, one) || good;
    }
    return good;
}

static int check_window(int64_t time_ms, int64_t now_ms, const char *header, struct err *err)
{
    int64_t age = now_ms / 1000 - time_ms / 1000; /* senders tell whole seconds */
    if (age >= -WEBHOOK_WINDOW_MS / 1000 && age <= WEBHOOK_WINDOW_MS / 1000) {
        return 0;
    }
    return err_set(err, ERR_DENIED, "its time in %s is %" PRId64 " s %s: expected at most %d", header,
                   age > 0 ? age : -age, age > 0 ? "ago" : "to come", WEBHOOK_WINDOW_MS / 1000);
}

static int verify_stamp(const struct webhook_provider *provider, struct str secret,
                        const struct webhook_request *request, struct str shown, const char *header, int64_t now_ms,
                        int64_t *ret_time_ms, struct err *err)
{
    struct stamp_key key;
    struct str id, time;
    int64_t seconds = 0;
    if (read_stamp_key(provider, secret, &key, err) < 0) {
        return -1;
    }
    bool has_id = find_header(request, provider->ids[0], &id) && id.n > 0;
    bool has_time = find_header(request, provider->time, &time);
    const struct str parts[] = {id, STR("."), time, STR("."), request->body};
    bool good = one_holds(&key, parts, sizeof parts / sizeof parts[0], shown);
    explicit_bzero(&key, sizeof key);
    if (!has_id || !has_time) {
        return err_set(err, ERR_DENIED, "the header %s is missing", has_id ? provider->time : provider->ids[0]);
    }
    if (str_find_byte(id, '.', 0) >= 0) { /* it could be another's id and time and the beginning of a body */
        return err_set(err, ERR_DENIED, "the id in %s holds a '.'", provider->ids[0]);
    }
    if (parse_int(time, 0, TIME_MAX_S, &seconds, NULL) < 0) {
        return err_set(err, ERR_DENIED, "the header %s holds no time: expected seconds since 1970", provider->time);
    }
    if (!good) {
        return err_set(err, ERR_DENIED, "no signature in %s is that of this delivery under the secret", header);
    }
    *ret_time_ms = seconds * 1000;
    return check_window(*ret_time_ms, now_ms, provider->time, err);
}

/* ---- */

void webhook_verify_nothing(const struct webhook_request *request)
{
    unsigned char unused[SIGNATURE_HMAC_BYTES];
    digest_hmac_bytes(STR("nobody's secret"), &request->body, 1, unused);
}

int webhook_verify(const struct webhook_provider *provider, struct str secret, const struct webhook_request *request,
                   int64_t now_ms, int64_t *ret_time_ms, struct err *err)
{
    struct str shown = {0};
    const char *header = NULL;
    *ret_time_ms = 0;
    if (provider->scheme == WEBHOOK_SHOWS_NOTHING) {
        webhook_verify_nothing(request);
        return 0;
    }
    if (secret.n == 0) {
        return err_set(err, ERR_STATE, "the secret is empty");
    }
    provider = by_key(provider, secret);
    if (find_shown(provider, request, &shown, &header, err) < 0) {
        webhook_verify_nothing(request);
        return -1;
    }
    return provider->scheme == WEBHOOK_SIGNS_BODY    ? verify_body(secret, request, shown, header, err)
           : provider->scheme == WEBHOOK_SHOWS_TOKEN ? verify_token(secret, request, shown, header, err)
                                                     : verify_stamp(provider, secret, request, shown, header, now_ms,
                                                                    ret_time_ms, err);
}

const char *webhook_delivery_id(const struct webhook_provider *provider, struct str secret,
                                const struct webhook_request *request, struct arena *arena)
{
    struct str id = {0};
    provider = by_key(provider, secret);
    for (size_t i = 0; i < WEBHOOK_IDS && id.n == 0; i++) {
        (void)find_header(request, provider->ids[i], &id);
    }
    if (id.n > WEBHOOK_ID_MAX) {
        return arena_printf(arena, "sha256:%s", digest_bytes(id).hex);
    }
    return id.n > 0                                 ? arena_str(arena, id).p
           : provider->scheme == WEBHOOK_SIGNS_BODY ? arena_printf(arena, "body:%s", digest_bytes(request->body).hex)
                                                    : NULL;
}
