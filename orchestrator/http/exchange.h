/* SPDX-License-Identifier: Apache-2.0
 * A request and the answer to it.
 *
 * The server (http/server.h) makes an exchange when the head of a request has come, fills the body in, and keeps it
 * until the answer is sent. Nothing here knows what the requests are about.
 */
#ifndef SLUICE_HTTP_EXCHANGE_H
#define SLUICE_HTTP_EXCHANGE_H

#include "base/arena.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

struct MHD_Connection;

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OTHER };

struct http_header {
    const char *name, *value;
};

enum { HTTP_HEADERS_MAX = 8 };

/* A body that is made while it is sent. */
struct http_source {
    /* Adds what comes next to the part, when the client has taken the one before; nothing: that was all. -1 cuts the
     * connection. 1: nothing has come yet; it is asked again after http_source_wake, and until then nobody notices that
     * the client has gone: what follows something for long sends a little now and then. */
    int (*next)(struct http_source *source, struct strbuf *part);
    void (*drop)(struct http_source *source);
    struct http_making *making; /* the server's own; NULL: it is not being sent */
};
/* It has something to send, or has ended. */
void http_source_wake(struct http_source *source);

/* What is to be sent: a text, a part of a file, or what a source makes. */
struct http_answer {
    int status;
    const char *content_type;                     /* NULL: none */
    struct strbuf body;                           /* taken over by http_answer; not used with a file */
    int fd;                                       /* of the file, closed when it is sent; -1: none */
    int64_t offset, size;                         /* bytes of the file; of a source, if it is known, what it makes */
    struct http_source *source;                   /* taken over; NULL: none */
    struct http_header headers[HTTP_HEADERS_MAX]; /* copied; up to the first without a name */
};

struct http_exchange {
    enum http_method method;
    const char *method_name;
    struct str path;     /* as it was sent, still encoded, without the query; one '/' at its start, of many */
    struct str query;    /* behind the '?', still encoded; the zero view when there is none */
    struct strbuf body;  /* what has come of it, unless a sink takes it */
    struct arena *arena; /* lives as long as the exchange */
    /* Set at the head by who wants the body as it comes (http/server.h). */
    int (*sink)(struct http_exchange *exchange, const char *bytes, size_t size);
    void *found; /* what the head was found to ask for, in the arena: of whoever answers */
    void *owner;       /* of whoever answers; `disown` is called with it when the exchange ends, sent or not */
    void (*disown)(void *owner);

    /* ---- the server's own ---- */
    struct http_server *server;
    struct MHD_Connection *connection;
    struct http_exchange *next;
    struct http_exchange *before, *after; /* in http/unfinished.h, with `seen` */
    size_t seen;
    struct http_answer answer;
    size_t body_max, answer_bytes;
    size_t taken;   /* bytes of the body so far */
    size_t drained; /* bytes that were read to no use */
    double begun_at; /* histogram_begin */
    bool has_file; /* counted in the server's `files` */
    bool begun, held, was_held, whole, suspended, answered, unfinished;
};

/* The value of a header, "" when it is not there. Names in any case. */
struct str http_header(const struct http_exchange *exchange, const char *name);
bool http_has_header(const struct http_exchange *exchange, const char *name);
/* Calls `take` for each header, in their order. */
void http_headers_each(const struct http_exchange *exchange, void (*take)(void *ctx, struct str name, struct str value),
                       void *ctx);
/* The length that the head says the body has; -1: it does not say. */
int64_t http_content_length(const struct http_exchange *exchange);
/* Who is at the other end: "192.0.2.7", "2001:db8:1:2" (of IPv6 the first half, which is one house); "" when that
 * cannot be said. */
enum { HTTP_PEER_BYTES = 48 };
void http_peer(const struct http_exchange *exchange, char ret_peer[HTTP_PEER_BYTES]);
/* It came by TLS to us. */
bool http_is_secured(const struct http_exchange *exchange);
/* In a `head` (http/server.h) only: sets the request aside before its body is read. It may be answered then, or goes on
 * with http_release, which calls `head` again. */
void http_hold(struct http_exchange *exchange);
void http_release(struct http_exchange *exchange);
/* Decides what is to be sent, once. `answer` is taken over, and emptied. */
void http_answer(struct http_exchange *exchange, struct http_answer *answer);
void http_answer_text(struct http_exchange *exchange, int status, const char *text);

/* The first value of that name; false when there is none. */
bool http_query_value(const struct http_exchange *exchange, const char *name, struct str *ret_value);

#endif
