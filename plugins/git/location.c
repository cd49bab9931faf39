/* SPDX-License-Identifier: Apache-2.0 */
#include "location.h"

#include "folder.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *prefix;
    enum location_kind kind;
} schemes[] = {
    {"https://", LOCATION_HTTPS}, {"http://", LOCATION_HTTP}, {"ssh://", LOCATION_SSH}, {"file://", LOCATION_LOCAL}};

/* "user" of "user@host/path", up to `end`. */
static int read_user(struct scratch *scratch, const char *start, const char *end, struct location *location,
                     struct fault *fault)
{
    const char *at = memchr(start, '@', (size_t)(end - start));
    if (at == NULL) {
        return 0;
    }
    if (memchr(start, ':', (size_t)(at - start)) != NULL) {
        return fault_set(fault, "url: it holds a password: expected it as 'password', from a secret");
    }
    location->user = scratch_copy(scratch, start, (size_t)(at - start));
    return 0;
}

static int parse_url(struct scratch *scratch, const char *url, const char *rest, struct location *location,
                     struct fault *fault)
{
    for (const char *p = url; *p != '\0'; p++) {
        if ((unsigned char)*p <= 0x20 || *p == 0x7F) {
            return fault_set(fault, "url: it holds a blank or a control character");
        }
    }
    location->url = url;
    if (location->kind == LOCATION_LOCAL) {
        return rest[0] == '/' ? 0 : fault_set(fault, "url: '%.200s': expected file:///PATH", url);
    }
    const char *end = rest + strcspn(rest, "/?#");
    if (read_user(scratch, rest, end, location, fault) < 0) {
        return -1;
    }
    return end == rest || *end == '\0' ? fault_set(fault, "url: '%.200s' names no repository", url) : 0;
}

int location_parse(const struct step_host *host, struct scratch *scratch, const char *url,
                   struct location *ret_location, struct fault *fault)
{
    *ret_location = (struct location){.kind = LOCATION_LOCAL};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t n = strlen(schemes[i].prefix);
        if (strncasecmp(url, schemes[i].prefix, n) == 0) {
            ret_location->kind = schemes[i].kind;
            return parse_url(scratch, url, url + n, ret_location, fault);
        }
    }
    if (strstr(url, "://") != NULL) {
        return fault_set(fault, "url: '%.*s': expected https, http, ssh or file", (int)(strstr(url, "://") - url), url);
    }
    /* As git has it: a colon before any slash is USER@HOST:PATH. */
    const char *colon = strchr(url, ':');
    if (colon != NULL && colon != url && memchr(url, '/', (size_t)(colon - url)) == NULL) {
        ret_location->kind = LOCATION_SSH;
        ret_location->url = url;
        return read_user(scratch, url, colon, ret_location, fault);
    }
    ret_location->url = folder_of_workspace(host, scratch, url);
    return 0;
}
