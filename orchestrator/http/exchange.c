/* SPDX-License-Identifier: Apache-2.0 */
#include "http/exchange.h"

#include "base/parse.h"
#include "http/library.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

struct str http_header(const struct http_exchange *exchange, const char *name)
{
    const char *value = http_library.MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
    return str_from(value == NULL ? "" : value);
}

int64_t http_content_length(const struct http_exchange *exchange)
{
    int64_t length = -1;
    struct str text = http_header(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return parse_int(text, 0, INT64_MAX, &length, NULL) < 0 ? -1 : length;
}

void http_peer(const struct http_exchange *exchange, char ret_peer[HTTP_PEER_BYTES])
{
    const union MHD_ConnectionInfo *info =
        http_library.MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info == NULL ? NULL : info->client_addr;
    ret_peer[0] = '\0';
    if (address != NULL && address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        (void)inet_ntop(AF_INET, &in->sin_addr, ret_peer, HTTP_PEER_BYTES);
    } else if (address != NULL && address->sa_family == AF_INET6) {
        const unsigned char *b = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr;
        (void)snprintf(ret_peer, HTTP_PEER_BYTES, "%x:%x:%x:%x", b[0] << 8 | b[1], b[2] << 8 | b[3], b[4] << 8 | b[5],
                       b[6] << 8 | b[7]);
    }
}

void http_answer_text(struct http_exchange *exchange, int status, const char *text)
{
    struct http_answer answer = {.status = status, .content_type = "text/plain; charset=utf-8", .fd = -1};
    strbuf_init(&answer.body, 1 << 16);
    strbuf_add_text(&answer.body, text);
    http_answer(exchange, &answer);
}

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool http_decode(struct str text, bool plus, struct arena *arena, struct str *ret)
{
    char *out = arena_array(arena, text.n + 1, 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%') {
            int high = i + 2 < text.n ? hex(text.p[i + 1]) : -1;
            int low = i + 2 < text.n ? hex(text.p[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == '\0') {
            return false;
        }
        out[n++] = c;
    }
    *ret = (struct str){out, n};
    return true;
}

bool http_query_next(struct str *rest, struct arena *arena, struct str *ret_name, struct str *ret_value, bool *ret_bad)
{
    struct str part;
    while (str_cut(rest, '&', &part)) {
        struct str name = {0};
        if (part.n == 0) {
            continue;
        }
        (void)str_cut(&part, '=', &name);
        *ret_bad = !http_decode(name, true, arena, ret_name) || !http_decode(part, true, arena, ret_value);
        return !*ret_bad;
    }
    return false;
}

bool http_query_value(const struct http_exchange *exchange, const char *name, struct str *ret_value)
{
    struct str rest = exchange->query;
    struct str found;
    bool bad = false;
    while (http_query_next(&rest, exchange->arena, &found, ret_value, &bad)) {
        if (str_is(found, name)) {
            return true;
        }
    }
    return false;
}
