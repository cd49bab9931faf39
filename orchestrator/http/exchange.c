/* SPDX-License-Identifier: Apache-2.0 */
#include "http/exchange.h"

#include "base/parse.h"
#include "base/percent.h"
#include "http/library.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

struct str http_header(const struct http_exchange *exchange, const char *name)
{
    const char *value = http_library.MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
    return str_from(value == NULL ? "" : value);
}

bool http_has_header(const struct http_exchange *exchange, const char *name)
{
    return http_library.MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name) != NULL;
}

struct taking {
    void (*take)(void *ctx, struct str name, struct str value);
    void *ctx;
};

static enum MHD_Result take_header(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
    const struct taking *taking = ctx;
    (void)kind;
    taking->take(taking->ctx, str_from(name), str_from(value == NULL ? "" : value));
    return MHD_YES;
}

void http_headers_each(const struct http_exchange *exchange, void (*take)(void *ctx, struct str name, struct str value),
                       void *ctx)
{
    struct taking taking = {take, ctx};
    (void)http_library.MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, take_header, &taking);
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
        const struct in6_addr *in6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        const unsigned char *b = in6->s6_addr;
        if (IN6_IS_ADDR_V4MAPPED(in6)) { /* at "::" both come in */
            (void)inet_ntop(AF_INET, &b[12], ret_peer, HTTP_PEER_BYTES);
            return;
        }
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

bool http_query_value(const struct http_exchange *exchange, const char *name, struct str *ret_value)
{
    struct str rest = exchange->query;
    struct str found;
    bool bad = false;
    while (percent_pair_next(&rest, exchange->arena, &found, ret_value, &bad)) {
        if (str_is(found, name)) {
            return true;
        }
    }
    return false;
}
