/* SPDX-License-Identifier: Apache-2.0
 * Deliveries of webhooks: headers and a body as they may come. The secret is the digest of the input, so that none
 * holds it: each is refused, in words that do not show it. Signed with it, each is genuine, whatever it holds.
 */
#include "base/strbuf.h"
#include "base/utf8.h"
#include "digest/digest.h"
#include "trigger/webhook_event.h"
#include "trigger/webhook_verify.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char *const senders[] = {"github", "gitlab", "gitea", "bitbucket", "standard", "mlflow", "bearer", "none"};
enum { SENDERS = sizeof senders / sizeof senders[0] };

/* "name: value" lines, an empty line, the body. */
static void read_request(struct str text, struct arena *arena, struct webhook_request *ret)
{
    *ret = (struct webhook_request){.headers = json_object()};
    struct str line;
    while (str_cut(&text, '\n', &line) && line.n > 0) {
        struct str name;
        (void)str_cut(&line, ':', &name);
        webhook_header_add(&ret->headers, name, str_trim(line), arena);
    }
    ret->body = text;
}

static void check_refused(const struct webhook_provider *provider, struct str secret,
                          const struct webhook_request *request)
{
    struct err err = {0};
    int64_t time_ms = 0;
    if (webhook_verify(provider, secret, request, 1614265330000, &time_ms, &err) == 0) {
        if (provider->scheme != WEBHOOK_SHOWS_NOTHING) {
            abort();
        }
    } else if ((err.code != ERR_DENIED && err.code != ERR_STATE) || err.message[0] == '\0' ||
               strstr(err.message, secret.p) != NULL) {
        abort();
    }
}

static void check_signed(const struct webhook_provider *provider, struct str secret, struct webhook_request *request,
                         struct arena *arena)
{
    int64_t time_ms = 0;
    json_set(arena, &request->headers, "x-hub-signature-256",
             json_cstring(arena, arena_printf(arena, "sha256=%s", digest_hmac(secret, request->body).hex)));
    if (webhook_verify(provider, secret, request, 0, &time_ms, NULL) < 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 1) {
        return 0;
    }
    const struct digest digest = digest_bytes((struct str){(const char *)bytes, size});
    const struct str secret = str_from(digest.hex);
    struct arena *arena = arena_new();
    const struct webhook_provider *provider = webhook_provider_named(str_from(senders[bytes[0] % SENDERS]));
    struct webhook_request request;
    struct json event;
    struct err err = {0};
    read_request((struct str){(const char *)bytes + 1, size - 1}, arena, &request);
    check_refused(provider, secret, &request);
    (void)webhook_delivery_id(provider, secret, &request, arena);
    if (webhook_event_read(provider, &request, "id", arena, &event, &err) == 0 &&
        !utf8_valid(json_text(arena, &event))) {
        abort();
    }
    check_signed(webhook_provider_named(STR("github")), secret, &request, arena);
    arena_free(arena);
    return 0;
}
