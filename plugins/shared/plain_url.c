/* SPDX-License-Identifier: Apache-2.0 */
#include "plain_url.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, tolower((unsigned char)c));
    return at == NULL ? -1 : (int)(at - digits);
}

/* Bytes that mean the same with and without '%' are written without. */
static void decode_plain(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0';) {
        int high = from[0] == '%' ? hex_digit(from[1]) : -1;
        int low = high >= 0 ? hex_digit(from[2]) : -1;
        int byte = low < 0 ? 0 : high * 16 + low;
        if (byte != 0 && byte < 0x80 && (isalnum(byte) || strchr("-._~", byte) != NULL)) {
            *to++ = (char)byte;
            from += 3;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

/* RFC 3986, 5.2.4, of a path that begins with '/'. */
static void remove_dots(char *path)
{
    char *to = path;
    for (const char *from = path; *from != '\0';) {
        size_t size = 1 + strcspn(from + 1, "/");
        bool here = size == 2 && from[1] == '.';
        bool above = size == 3 && from[1] == '.' && from[2] == '.';
        while (above && to > path && *--to != '/') {
        }
        if (!here && !above) {
            memmove(to, from, size);
            to += size;
        } else if (from[size] == '\0') {
            *to++ = '/';
        }
        from += size;
    }
    *to = '\0';
}

const char *plain_url(struct scratch *scratch, const char *url)
{
    char *text = scratch_copy(scratch, url, strcspn(url, "#"));
    char *colon = strstr(text, "://");
    if (colon == NULL) {
        return text;
    }
    size_t host_size = strcspn(colon + 3, "/?");
    char *host = scratch_copy(scratch, colon + 3, host_size);
    char *rest = scratch_copy(scratch, colon + 3 + host_size, strlen(colon + 3 + host_size));
    char *path = scratch_copy(scratch, rest, strcspn(rest, "?"));
    const char *query = rest + strcspn(rest, "?");
    const char *user = strrchr(host, '@');
    *colon = '\0';
    host = user == NULL ? host : host + (user + 1 - host);
    decode_plain(host);
    for (char *c = text; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    for (char *c = host; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    char *port = strrchr(host, ':');
    bool is_address = port != NULL && strchr(port, ']') != NULL; /* a colon of IPv6 */
    bool is_usual = port != NULL && !is_address &&
                    (port[1] == '\0' || strcmp(port + 1, strcmp(text, "https") == 0 ? "443" : "80") == 0);
    if (is_usual) {
        *port = '\0';
    }
    size_t size = port != NULL && !is_address ? (size_t)(port - host) : strlen(host);
    bool dotted = size > 1 && host[size - 1] == '.';
    decode_plain(path);
    remove_dots(path);
    return scratch_printf(scratch, "%s://%.*s%s%s%s", text, (int)(dotted ? size - 1 : size), host, host + size,
                          *path == '\0' ? "/" : path, query);
}
