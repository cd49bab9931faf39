/* SPDX-License-Identifier: Apache-2.0 */
#include "http/server.h"

#include "base/file_limit.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/answer_headers.h"
#include "http/library.h"
#include "http/making.h"
#include "http/response.h"
#include "http/target.h"
#include "http/unfinished.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* A connection's memory holds its head, so that a longer one is refused (431); an idle one costs as much. */
enum { CONNECTION_BYTES = 16 << 10, CONNECTIONS_MAX = 20000, IDLE_S = 75, DRAIN_MAX = 1 << 20 };
/* Of the bodies of all requests together: each may be large, but not all at once. Small ones are always taken. */
enum { BODIES_MAX = 256 << 20, SMALL_BODY_MAX = 16 << 10 };
/* Of the answers that clients have not read to their end. One larger than that is sent when it is the only one. */
enum { ANSWERS_MAX = 256 << 20, SMALL_ANSWER_MAX = 64 << 10 };
/* How often the library is run at once while files come or go: it moves no more than 8 or 128 KiB of each at a time. */
enum { FILE_RUNS = 8 };

struct http_server {
    struct MHD_Daemon *daemon;
    struct http_options options;
    int fd;
    size_t busy;
    size_t body_bytes;                  /* that exchanges hold */
    size_t answer_bytes;                /* as well */
    bool ready;                         /* it has something to do: an answer to send, say */
    size_t files;                       /* that come to a sink, or are sent */
    size_t running;                     /* whole, not answered, and the library may still call for them */
    struct http_exchange *first, *last; /* whole, and not taken */
    struct unfinished unfinished;       /* not whole yet */
    struct http_exchange *standing;     /* taken, and not answered; in no order */
    struct http_makings makings;
    bool speaks_tls;
    char complaint[512];                /* the library's first: the others say that it gave up */
};

static enum http_method method_of(const char *name)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0) {
            return (enum http_method)i;
        }
    }
    return HTTP_OTHER;
}

/* ---- an exchange ---------------------------------------------------------------------------------------------- */

/* The first that is called for a request, with its target as it was sent. */
static void *begin_exchange(void *ctx, const char *target, struct MHD_Connection *connection)
{
    struct http_server *server = ctx;
    struct http_exchange *exchange = mem_alloc(sizeof *exchange);
    *exchange =
        (struct http_exchange){.server = server, .connection = connection, .arena = arena_new(), .answer.fd = -1};
    target_take(target, exchange->arena, &exchange->path, &exchange->query);
    unfinished_add(&server->unfinished, exchange);
    server->busy++;
    return exchange;
}

static void drop_body(struct http_exchange *exchange)
{
    exchange->server->body_bytes -= exchange->body.length;
    strbuf_clear(&exchange->body);
}

/* What was asked is not needed once it is answered: a client that is slow to read holds no more than the answer. */
static void drop_request(struct http_exchange *exchange)
{
    if (exchange->disown != NULL) {
        exchange->disown(exchange->owner);
        exchange->disown = NULL;
    }
    drop_body(exchange);
    arena_free(exchange->arena);
    exchange->arena = NULL;
}

static void drop_answer(struct http_answer *answer)
{
    strbuf_clear(&answer->body);
    if (answer->fd >= 0) {
        (void)close(answer->fd);
    }
    answer->fd = -1;
    if (answer->source != NULL) {
        answer->source->drop(answer->source);
    }
    answer->source = NULL;
}

static void unlink_exchange(struct http_exchange **list, struct http_exchange *exchange)
{
    while (*list != NULL && *list != exchange) {
        list = &(*list)->next;
    }
    if (*list == exchange) {
        *list = exchange->next;
        exchange->next = NULL;
    }
}

static void end_exchange(void *ctx, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode how)
{
    struct http_server *server = ctx;
    struct http_exchange *exchange = *slot;
    (void)connection;
    (void)how;
    if (exchange == NULL) {
        return;
    }
    unlink_exchange(&server->standing, exchange);
    unfinished_remove(&server->unfinished, exchange);
    drop_request(exchange);
    drop_answer(&exchange->answer);
    server->answer_bytes -= exchange->answer_bytes;
    server->files -= exchange->has_file;
    free(exchange);
    *slot = NULL;
    server->busy--;
}

static void count_file(struct http_exchange *exchange)
{
    exchange->server->files += !exchange->has_file;
    exchange->has_file = true;
}

/* ---- the answer ----------------------------------------------------------------------------------------------- */

static enum MHD_Result send_answer(struct http_exchange *exchange)
{
    struct http_answer *answer = &exchange->answer;
    if (answer->fd >= 0) {
        count_file(exchange);
    }
    struct MHD_Response *response = response_of(&exchange->server->makings, exchange->connection, answer);
    if (response == NULL) {
        return MHD_NO;
    }
    answer_headers_add(response, answer);
    enum MHD_Result result = http_library.MHD_queue_response(exchange->connection, (unsigned)answer->status, response);
    http_library.MHD_destroy_response(response);
    drop_request(exchange);
    return result;
}

static void say_later(struct http_answer *ret)
{
    *ret = (struct http_answer){.status = MHD_HTTP_SERVICE_UNAVAILABLE,
                                .content_type = "text/plain; charset=utf-8",
                                .fd = -1,
                                .headers = {{"Retry-After", "1"}}};
    strbuf_init(&ret->body, 1 << 10);
    strbuf_add_text(&ret->body, "Too many large requests at once: try again.");
}

/* Clients that ask for much and read nothing of it do not fill the memory. */
static void hold_answer(struct http_exchange *exchange, struct http_answer *answer)
{
    struct http_server *server = exchange->server;
    size_t size = answer->body.length;
    if (size > SMALL_ANSWER_MAX && server->answer_bytes > 0 && server->answer_bytes + size > ANSWERS_MAX) {
        drop_answer(answer);
        say_later(answer);
        size = answer->body.length;
    }
    exchange->answer_bytes = size;
    server->answer_bytes += size;
}

void http_answer(struct http_exchange *exchange, struct http_answer *answer)
{
    if (exchange->answered) {
        drop_answer(answer);
        return;
    }
    hold_answer(exchange, answer);
    exchange->answer = *answer;
    for (size_t i = 0; i < HTTP_HEADERS_MAX && answer->headers[i].name != NULL; i++) {
        exchange->answer.headers[i].name = arena_strdup(exchange->arena, answer->headers[i].name);
        exchange->answer.headers[i].value = arena_strdup(exchange->arena, answer->headers[i].value);
    }
    *answer = (struct http_answer){.fd = -1};
    exchange->answered = true;
    http_stats_count(exchange->server->options.stats, exchange);
    if (exchange->whole || exchange->held) {
        unlink_exchange(&exchange->server->standing, exchange);
        exchange->server->ready = true;
    }
    if (exchange->suspended) {
        exchange->suspended = exchange->held = false;
        http_library.MHD_resume_connection(exchange->connection);
    } else if (exchange->whole) {
        exchange->server->running--;
    }
}

/* ---- the request ---------------------------------------------------------------------------------------------- */

/* Of headers that say where a request ends, whom it is for, and who sends it. */
struct framing {
    int lengths, encodings, hosts, logins;
};

static enum MHD_Result count_framing(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct framing *framing = ctx;
    (void)kind;
    (void)value;
    framing->lengths += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0;
    framing->encodings += strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
    framing->hosts += strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0;
    framing->logins += strcasecmp(name, MHD_HTTP_HEADER_AUTHORIZATION) == 0;
    return MHD_YES;
}

/* What a proxy before us may read in another way, so that the rest of one client's request would be another's
 * (RFC 9112, 6.3 and 11.2): refused, and nothing more is read from that connection. */
static bool refuse_ambiguous(struct http_exchange *exchange)
{
    struct framing found = {0};
    (void)http_library.MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, count_framing, &found);
    if (found.lengths + found.encodings <= 1 && found.hosts <= 1 && found.logins <= 1) {
        return false;
    }
    struct http_answer answer = {.status = MHD_HTTP_BAD_REQUEST,
                                 .content_type = "text/plain; charset=utf-8",
                                 .fd = -1,
                                 .headers = {{MHD_HTTP_HEADER_CONNECTION, "close"}}};
    strbuf_init(&answer.body, 1 << 10);
    strbuf_add_text(&answer.body, "Expected one Host, at most one Authorization, and one of Content-Length and "
                                  "Transfer-Encoding.");
    http_answer(exchange, &answer);
    return true;
}

static void refuse_size(struct http_exchange *exchange)
{
    const struct http_options *options = &exchange->server->options;
    (options->refuse == NULL ? http_answer_text : options->refuse)(exchange, MHD_HTTP_CONTENT_TOO_LARGE,
                                                                   "The body is larger than this route takes.");
}

/* Asks what is to become of the request, for the first time or once more. */
static void ask_head(struct http_exchange *exchange)
{
    struct http_server *server = exchange->server;
    exchange->body_max = server->options.head(server->options.ctx, exchange);
    strbuf_clear(&exchange->body); /* of one that was set aside, and is asked again */
    strbuf_init(&exchange->body, exchange->body_max);
    int64_t length = http_content_length(exchange);
    if (!exchange->held && !exchange->answered && length > 0 && (uint64_t)length > exchange->body_max) {
        refuse_size(exchange);
    }
}

static enum MHD_Result take_head(struct http_exchange *exchange, const char *method)
{
    exchange->begun = true;
    exchange->begun_at = histogram_begin();
    exchange->method_name = arena_strdup(exchange->arena, method);
    exchange->method = method_of(method);
    if (!refuse_ambiguous(exchange)) {
        ask_head(exchange);
    }
    /* A client that is told before it has sent a little of its body may never read the answer. */
    return exchange->answered && http_content_length(exchange) > DRAIN_MAX ? send_answer(exchange) : MHD_YES;
}

void http_hold(struct http_exchange *exchange)
{
    struct http_server *server = exchange->server;
    exchange->held = exchange->was_held = exchange->suspended = true;
    http_library.MHD_suspend_connection(exchange->connection);
    exchange->next = server->standing;
    server->standing = exchange;
}

void http_release(struct http_exchange *exchange)
{
    unlink_exchange(&exchange->server->standing, exchange);
    exchange->held = exchange->suspended = false;
    exchange->server->ready = true;
    http_library.MHD_resume_connection(exchange->connection);
    ask_head(exchange);
}

static void refuse_for_now(struct http_exchange *exchange)
{
    struct http_answer answer;
    say_later(&answer);
    http_answer(exchange, &answer);
    drop_body(exchange);
}

/* A part of the body. The library cannot answer in the midst of one: what is not wanted is read to the end, or cut. */
static enum MHD_Result take_part(struct http_exchange *exchange, const char *bytes, size_t size)
{
    if (exchange->answered) {
        exchange->drained += size;
        return exchange->drained > DRAIN_MAX ? MHD_NO : MHD_YES;
    }
    exchange->taken += size;
    if (exchange->taken > exchange->body_max) {
        refuse_size(exchange);
        return MHD_YES;
    }
    if (exchange->sink != NULL) {
        count_file(exchange);
        return exchange->sink(exchange, bytes, size) == 0 || exchange->answered ? MHD_YES : MHD_NO;
    }
    if (exchange->taken > SMALL_BODY_MAX && exchange->server->body_bytes + size > BODIES_MAX) {
        refuse_for_now(exchange);
        return MHD_YES;
    }
    strbuf_add(&exchange->body, bytes, size);
    exchange->server->body_bytes += size;
    return MHD_YES;
}

/* It is not suspended yet: most are answered before the library is run again, which then asks for the answer. */
static void stand_in_line(struct http_exchange *exchange)
{
    struct http_server *server = exchange->server;
    exchange->whole = true;
    unfinished_remove(&server->unfinished, exchange);
    server->running++;
    *(server->first == NULL ? &server->first : &server->last->next) = exchange;
    server->last = exchange;
}

/* The library calls once more for the head of a request that was set aside there, in the way in which it tells of the
 * end; what is not to have a body does not care. */
static bool is_head_again(struct http_exchange *exchange)
{
    bool again = exchange->was_held && exchange->taken == 0 && exchange->drained == 0 &&
                 (http_content_length(exchange) > 0 || http_header(exchange, MHD_HTTP_HEADER_TRANSFER_ENCODING).n > 0);
    exchange->was_held = false;
    return again;
}

static enum MHD_Result handle(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *bytes, size_t *size, void **slot)
{
    struct http_exchange *exchange = *slot;
    (void)ctx;
    (void)connection;
    (void)url;
    (void)version;
    if (!exchange->begun) {
        return take_head(exchange, method);
    }
    if (*size > 0) {
        size_t taken = *size;
        *size = 0;
        return take_part(exchange, bytes, taken);
    }
    if (is_head_again(exchange)) {
        return exchange->answered && http_content_length(exchange) > DRAIN_MAX ? send_answer(exchange) : MHD_YES;
    }
    if (exchange->answered) {
        return send_answer(exchange);
    }
    if (!exchange->whole) {
        stand_in_line(exchange);
    }
    return MHD_YES;
}

static void suspend_all(struct http_server *server, struct http_exchange *list)
{
    for (; list != NULL && server->running > 0; list = list->next) {
        if (!list->suspended) {
            list->suspended = true;
            http_library.MHD_suspend_connection(list->connection);
            server->running--;
        }
    }
}

/* Of what is suspended the library says nothing any more: not even that its client is gone. */
static void suspend_unanswered(struct http_server *server)
{
    suspend_all(server, server->first);
    suspend_all(server, server->standing);
}

struct http_exchange *http_server_take(struct http_server *server)
{
    struct http_exchange *exchange = server->first;
    if (exchange != NULL) {
        server->first = exchange->next;
        exchange->next = server->standing;
        server->standing = exchange;
    }
    return exchange;
}

/* ---- the server ----------------------------------------------------------------------------------------------- */

static void complain(void *ctx, const char *format, va_list args)
{
    struct http_server *server = ctx;
    char line[512];
    (void)vsnprintf(line, sizeof line, format, args);
    line[strcspn(line, "\n")] = '\0';
    log_debug("http", "%s", line);
    if (server->complaint[0] == '\0') {
        memcpy(server->complaint, line, sizeof line);
    }
}

static unsigned connections_max(const struct http_options *options)
{
    size_t most = file_limit() * options->fd_share / 16;
    return most > CONNECTIONS_MAX ? CONNECTIONS_MAX : most > 1 ? (unsigned)most : 1;
}

/* One more that would take a descriptor of the steps is cut, and comes again. */
static enum MHD_Result may_come(void *ctx, const struct sockaddr *address, socklen_t size)
{
    const struct http_server *server = ctx;
    (void)address;
    (void)size;
    return file_limit_is_near(server->options.listener) ? MHD_NO : MHD_YES;
}

static size_t leave_encoded(void *ctx, struct MHD_Connection *connection, char *text)
{
    (void)ctx;
    (void)connection;
    return strlen(text);
}

/* The versions of TLS that are not broken, and our order of ciphers. */
static const char tls_priorities[] = "NORMAL:%SERVER_PRECEDENCE:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

/* Without being told that SIGPIPE does no harm the library sends no file by sendfile, but by blocks of 4 KiB. */
static struct MHD_Daemon *start(struct http_server *server)
{
    const struct http_options *options = &server->options;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)options->certificates},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)options->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)tls_priorities},
        {MHD_OPTION_END, 0, NULL},
    };
    bool speaks_tls = options->certificates != NULL;
    return http_library.MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (speaks_tls ? (unsigned)MHD_USE_TLS : 0), 0,
        may_come, server, handle, server, MHD_OPTION_EXTERNAL_LOGGER, complain, server, MHD_OPTION_LISTEN_SOCKET,
        options->listener, MHD_OPTION_URI_LOG_CALLBACK, begin_exchange, server, MHD_OPTION_NOTIFY_COMPLETED,
        end_exchange, server, MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_BYTES, MHD_OPTION_CONNECTION_LIMIT, connections_max(options),
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_ARRAY,
        speaks_tls ? tls : &tls[3], MHD_OPTION_END);
}

int http_server_open(const struct http_options *options, struct http_server **ret_server, struct err *err)
{
    struct http_server *server = mem_alloc(sizeof *server);
    *server = (struct http_server){.options = *options, .fd = -1};
    server->makings.ready = &server->ready;
    if (http_library_load(err) < 0) {
        (void)close(options->listener);
        http_server_close(server);
        return -1;
    }
    server->daemon = start(server);
    const union MHD_DaemonInfo *info =
        server->daemon == NULL ? NULL : http_library.MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL) {
        (void)close(options->listener);
        (void)err_set(err, options->key != NULL ? ERR_INPUT : ERR_IO, "the HTTP server could not be started: %s",
                      server->complaint);
        http_server_close(server);
        return -1;
    }
    server->speaks_tls = options->certificates != NULL;
    server->options.certificates = server->options.key = NULL;
    server->fd = info->epoll_fd;
    *ret_server = server;
    return 0;
}

void http_server_close(struct http_server *server)
{
    if (server == NULL) {
        return;
    }
    while (http_server_take(server) != NULL) {
    }
    while (server->standing != NULL) {
        http_answer_text(server->standing, MHD_HTTP_SERVICE_UNAVAILABLE, "The server is going.");
    }
    makings_end(&server->makings);
    if (server->daemon != NULL) {
        (void)http_library.MHD_run(server->daemon); /* what was answered is seen to */
        http_library.MHD_stop_daemon(server->daemon);
    }
    free(server);
}

int http_server_fd(const struct http_server *server)
{
    return server->fd;
}

int http_server_wait_ms(struct http_server *server)
{
    MHD_UNSIGNED_LONG_LONG ms = 0;
    int look_ms = unfinished_wait_ms(&server->unfinished);
    if (server->first != NULL || server->ready) {
        return 0;
    }
    if (http_library.MHD_get_timeout(server->daemon, &ms) != MHD_YES) {
        return look_ms;
    }
    int wait_ms = ms > 3600000 ? 3600000 : (int)ms;
    return look_ms >= 0 && look_ms < wait_ms ? look_ms : wait_ms;
}

/* Nothing but files is on its way, and more of one can be moved now. */
static bool moves_files(const struct http_server *server)
{
    MHD_UNSIGNED_LONG_LONG ms = 1;
    return server->files > 0 && server->first == NULL && !server->ready &&
           http_library.MHD_get_timeout(server->daemon, &ms) == MHD_YES && ms == 0;
}

void http_server_run(struct http_server *server)
{
    suspend_unanswered(server);
    server->ready = false;
    unfinished_look(&server->unfinished);
    int runs = 0;
    do {
        (void)http_library.MHD_run(server->daemon);
    } while (++runs < FILE_RUNS && moves_files(server));
}

/* The library asks for the answers in one run, and sends them in the next. One is made in any case: when it has as many
 * connections as it takes, and some have gone, it listens again at the beginning of the next. */
void http_server_send(struct http_server *server)
{
    bool answers = server->ready;
    http_server_run(server);
    if (answers) {
        http_server_run(server);
    }
}

void http_server_stop_listening(struct http_server *server)
{
    int fd = http_library.MHD_quiesce_daemon(server->daemon);
    if (fd >= 0) {
        (void)close(fd);
    }
}

bool http_is_secured(const struct http_exchange *exchange)
{
    return exchange->server->speaks_tls;
}

size_t http_server_busy(const struct http_server *server)
{
    return server->busy;
}
