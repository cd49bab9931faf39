/* SPDX-License-Identifier: Apache-2.0
 * URLs of webhooks: one that passes has a scheme that is allowed, and libc takes its host for no address that the
 * policy refuses.
 */
#include "store/webhook_url.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What a resolver that is never asked for names makes of it. */
static void check_host(const char *host, const struct address_policy *policy)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, NULL, &hints, &found) != 0) {
        return;
    }
    for (const struct addrinfo *one = found; one != NULL; one = one->ai_next) {
        struct ip_address address;
        const char *why = NULL;
        if (ip_address_from(one->ai_addr, &address) == 0 && !address_policy_allows(policy, &address, &why)) {
            abort();
        }
    }
    freeaddrinfo(found);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct address_policy policy = {.public_only = true, .https_only = true};
    struct arena *arena = arena_new();
    struct err err = {0};
    char *url = arena_dup(arena, (const char *)bytes, size);
    if (webhook_url_check(url, &policy, &err) == 0) {
        if (strncasecmp(url, "https://", strlen("https://")) != 0) {
            abort();
        }
        char *host = url + strlen("https://");
        bool bracketed = host[0] == '[';
        host += bracketed;
        host[strcspn(host, bracketed ? "]" : ":/?#")] = '\0';
        check_host(host, &policy);
    } else if (err.code != ERR_INPUT || err.message[0] == '\0') {
        abort();
    }
    arena_free(arena);
    return 0;
}
