/* SPDX-License-Identifier: Apache-2.0
 * An HTTP server without a thread of its own: it is run by whoever's loop its descriptor wakes.
 *
 *     while (...) {
 *         wait until http_server_fd can be read, at most http_server_wait_ms
 *         http_server_run(server);                        reads heads, bodies; writes answers
 *         while ((exchange = http_server_take(server))) { http_answer(exchange, ...); }
 *         http_server_send(server);
 *     }
 *
 * An exchange that was taken may be answered at any time later: until then its connection stands still. The process
 * ignores SIGPIPE. The library behind it (libmicrohttpd) is seen by this folder only.
 */
#ifndef SLUICE_HTTP_SERVER_H
#define SLUICE_HTTP_SERVER_H

#include "base/err.h"
#include "http/exchange.h"
#include "http/stats.h"

struct http_server;

struct http_options {
    int listener; /* a listening socket, which the server takes over */
    /* The head of a request has come. It may be answered here (http_answer); its body is then read to no use as far as
     * a client must be listened to. Else the body comes, at most the number of bytes returned, into the exchange or
     * its sink, and then the exchange can be taken. A sink that returns -1 cuts the connection, or has answered. */
    size_t (*head)(void *ctx, struct http_exchange *exchange);
    void *ctx;
    /* How a body that is too large is refused; NULL: in plain text. */
    void (*refuse)(struct http_exchange *exchange, int status, const char *text);
    /* Texts in PEM, of a server that speaks TLS; NULL: it does not. They are not needed once it is open. */
    const char *certificates, *key;
    struct http_stats *stats; /* where answers are counted; NULL: nowhere */
    unsigned fd_share; /* it has at most so many sixteenths of the descriptors that the process may open */
};

int http_server_open(const struct http_options *options, struct http_server **ret_server, struct err *err);
/* What was taken and not answered is cut. */
void http_server_close(struct http_server *server);
/* Can be read when http_server_run has something to do. */
int http_server_fd(const struct http_server *server);
/* How long it may be left alone, in ms; -1: until its descriptor can be read. */
int http_server_wait_ms(struct http_server *server);
void http_server_run(struct http_server *server);
/* Sends what has been answered, as far as it goes at once. */
void http_server_send(struct http_server *server);
/* The next request that has come whole, in their order; NULL: none. */
struct http_exchange *http_server_take(struct http_server *server);
/* Takes no more connections; those that are there go on. */
void http_server_stop_listening(struct http_server *server);
/* How many exchanges have begun and are not sent. */
size_t http_server_busy(const struct http_server *server);

/* A listening socket at a numeric address ("127.0.0.1", "::1") and port (0: one that is free, told in `*port`). */
int http_listen(const char *address, int *port, struct err *err);

#endif
