/* SPDX-License-Identifier: Apache-2.0 */
#include "git/known_hosts.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static int digit_of(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == '\0' ? NULL : strchr(digits, c);
    return at == NULL ? -1 : (int)(at - digits);
}

/* Does the base64 text (RFC 4648) hold exactly these bytes? */
static bool holds(const char *text, size_t size, const unsigned char *bytes, size_t byte_count)
{
    unsigned bits = 0;
    int kept = 0;
    size_t n = 0;
    while (size > 0 && text[size - 1] == '=') {
        size--;
    }
    for (size_t i = 0; i < size; i++) {
        int digit = digit_of(text[i]);
        if (digit < 0) {
            return false;
        }
        bits = (bits << 6 | (unsigned)digit) & 0xFFFFFF;
        kept += 6;
        if (kept >= 8) {
            kept -= 8;
            if (n == byte_count || bytes[n] != (unsigned char)(bits >> kept)) {
                return false;
            }
            n++;
        }
    }
    return n == byte_count;
}

/* "[host]:2222" is a line for the host, too: libgit2 does not say which port was asked. */
static bool is_name(const char *name, size_t size, const char *host)
{
    size_t n = strlen(host);
    if (size == n && strncasecmp(name, host, n) == 0) {
        return true;
    }
    return size > n + 2 && name[0] == '[' && strncasecmp(name + 1, host, n) == 0 && name[n + 1] == ']' &&
           name[n + 2] == ':';
}

static bool names_host(const char *names, size_t size, const char *host)
{
    for (const char *end = names + size; names < end;) {
        const char *comma = memchr(names, ',', (size_t)(end - names));
        size_t n = comma == NULL ? (size_t)(end - names) : (size_t)(comma - names);
        if (is_name(names, n, host)) {
            return true;
        }
        names += n + 1;
    }
    return false;
}

enum known_hosts_result known_hosts_check(const char *lines, const char *host, const void *key, size_t key_size)
{
    enum known_hosts_result result = KNOWN_HOSTS_UNKNOWN;
    for (const char *line = lines; *line != '\0'; line += line[0] == '\n') {
        const char *words[3];
        size_t sizes[3];
        for (size_t i = 0; i < 3; i++) {
            words[i] = line + strspn(line, " \t\r");
            sizes[i] = strcspn(words[i], " \t\r\n");
            line = words[i] + sizes[i];
        }
        line += strcspn(line, "\n");
        /* "@revoked" and comments name no host that could be asked for. */
        if (sizes[2] > 0 && words[0][0] != '#' && words[0][0] != '@' && names_host(words[0], sizes[0], host)) {
            if (holds(words[2], sizes[2], key, key_size)) {
                return KNOWN_HOSTS_KNOWN;
            }
            result = KNOWN_HOSTS_OTHER;
        }
    }
    return result;
}
