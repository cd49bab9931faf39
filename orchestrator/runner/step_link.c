/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/step_link.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "runner/fetch_client.h"
#include "wire/points.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    HEAD_BYTES = 6,
    POINTS_BYTES = 64 << 10,
    KEY_MAX_BYTES = 1024,
    FLUSH_AFTER_MS = 50,
    ANSWER_MAX_BYTES = 64 << 20,
    LOG_PIECE_BYTES = 256 << 10,
    FLUSHER_STACK_BYTES = 64 << 10,
    DEPTH_MAX = 64 /* what the runner reads, and the engine after it */
};

struct step_link {
    int fd;
    dev_t device; /* of the socket: the step's code may put something else under its number */
    ino_t inode;
    const struct json *fetch;
    bool broken;
    pthread_mutex_t asking; /* one question at a time */
    int64_t sequence;
    pthread_mutex_t mutex; /* for all below, and for writing to fd */
    pthread_cond_t changed;
    pthread_t flusher;
    bool has_flusher;
    bool ending;
    struct points_writer *points; /* NULL until the first: most steps have none */
};

/* ---- bytes ---- */

static void put_number(unsigned char *room, uint64_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        room[i] = (unsigned char)(number >> (8 * i));
    }
}

static bool is_ours(const struct step_link *link)
{
    struct stat status;
    return fstat(link->fd, &status) == 0 && status.st_dev == link->device && status.st_ino == link->inode;
}

/* Takes `sent` bytes off the front of the two parts. */
static void advance(struct iovec parts[2], size_t sent)
{
    for (int i = 0; i < 2; i++) {
        size_t taken = sent < parts[i].iov_len ? sent : parts[i].iov_len;
        parts[i].iov_base = (char *)parts[i].iov_base + taken;
        parts[i].iov_len -= taken;
        sent -= taken;
    }
}

/* Head and payload at once: the runner wakes for a frame, not for its head. */
static int send_frame(struct step_link *link, enum journal_type type, const void *bytes, size_t size)
{
    unsigned char head[HEAD_BYTES];
    put_number(head, size, 4);
    put_number(head + 4, type, 2);
    struct iovec parts[2] = {{head, sizeof head}, {(void *)(uintptr_t)bytes, size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    link->broken = link->broken || !is_ours(link);
    while (parts[0].iov_len + parts[1].iov_len > 0 && !link->broken) {
        ssize_t n = sendmsg(link->fd, &message, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            link->broken = true;
            fprintf(stderr, "sluice: the runner can be told nothing more of this step: %s\n", strerror(errno));
        }
        advance(parts, n > 0 ? (size_t)n : 0);
    }
    return link->broken ? -1 : 0;
}

static bool has_points(const struct step_link *link)
{
    return link->points != NULL && points_writer_payload(link->points).n > 0;
}

static int flush_points(struct step_link *link)
{
    if (!has_points(link)) {
        return 0;
    }
    struct str payload = points_writer_payload(link->points);
    int result = send_frame(link, JOURNAL_POINTS, payload.p, payload.n);
    points_writer_reset(link->points);
    return result;
}

static int gone(struct err *err)
{
    return err_set(
        err, ERR_IO,
        "the runner cannot be reached: the descriptor of the step's host was closed, or the runner has ended");
}

/* ---- the flusher ---- */

static void in_ms(struct timespec *at, long ms)
{
    (void)clock_gettime(CLOCK_MONOTONIC, at);
    at->tv_nsec += ms * 1000000;
    at->tv_sec += at->tv_nsec / 1000000000;
    at->tv_nsec %= 1000000000;
}

static void *flush_late_points(void *argument)
{
    struct step_link *link = argument;
    (void)pthread_mutex_lock(&link->mutex);
    while (!link->ending) {
        if (!has_points(link)) {
            (void)pthread_cond_wait(&link->changed, &link->mutex);
            continue;
        }
        struct timespec until;
        in_ms(&until, FLUSH_AFTER_MS);
        while (!link->ending && pthread_cond_timedwait(&link->changed, &link->mutex, &until) == 0) {
        }
        (void)flush_points(link);
    }
    (void)pthread_mutex_unlock(&link->mutex);
    return NULL;
}

/* Without the thread (no memory for it) points still leave by the other two ways. */
static void start_flusher(struct step_link *link)
{
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, FLUSHER_STACK_BYTES);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the step's own thread */
    link->has_flusher = pthread_create(&link->flusher, &attributes, flush_late_points, link) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
}

/* ---- life ---- */

struct step_link *step_link_new(int fd, const struct json *fetch)
{
    struct step_link *link = mem_alloc(sizeof *link);
    struct stat status = {0};
    *link = (struct step_link){.fd = fd, .fetch = fetch};
    link->broken = fstat(fd, &status) < 0;
    link->device = status.st_dev;
    link->inode = status.st_ino;
    /* A step that waits runs again with the same attempt: its questions must not have the numbers of the first time. */
    link->sequence = clock_wall_ms(&clock_system) << 8;
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&link->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&link->mutex, NULL);
    (void)pthread_mutex_init(&link->asking, NULL);
    return link;
}

int step_link_free(struct step_link *link)
{
    if (link == NULL) {
        return 0;
    }
    (void)pthread_mutex_lock(&link->mutex);
    (void)flush_points(link);
    link->ending = true;
    (void)pthread_cond_signal(&link->changed);
    (void)pthread_mutex_unlock(&link->mutex);
    if (link->has_flusher) {
        (void)pthread_join(link->flusher, NULL);
    }
    int result = link->broken ? -1 : 0;
    (void)pthread_cond_destroy(&link->changed);
    (void)pthread_mutex_destroy(&link->mutex);
    (void)pthread_mutex_destroy(&link->asking);
    points_writer_free(link->points);
    free(link);
    return result;
}

/* ---- saying ---- */

static int send_text(struct step_link *link, enum journal_type type, struct str text)
{
    (void)pthread_mutex_lock(&link->mutex);
    int result = flush_points(link) < 0 ? -1 : send_frame(link, type, text.p, text.n);
    (void)pthread_mutex_unlock(&link->mutex);
    return result;
}

/* Levels of lists and maps; `most` and more are all the same. */
static size_t depth_of(const struct json *value, size_t most)
{
    size_t deepest = 0;
    bool list = value->type == JSON_ARRAY;
    size_t count = list ? value->u.array.count : value->type == JSON_OBJECT ? value->u.object.count : 0;
    for (size_t i = 0; i < count && most > 0; i++) {
        size_t depth = depth_of(list ? &value->u.array.items[i] : &value->u.object.members[i].value, most - 1);
        deepest = depth > deepest ? depth : deepest;
    }
    return value->type == JSON_ARRAY || value->type == JSON_OBJECT ? deepest + 1 : 0;
}

int step_link_send(struct step_link *link, enum journal_type type, const struct json *value, struct err *err)
{
    if (depth_of(value, DEPTH_MAX) > DEPTH_MAX) {
        return err_set(err, ERR_LIMIT, "what the step reports is nested deeper than %d levels", DEPTH_MAX);
    }
    struct strbuf text;
    strbuf_init(&text, JOURNAL_PAYLOAD_MAX);
    json_write(&text, value);
    int result = text.overflow ? err_set(err, ERR_LIMIT, "what the step reports is over 1 MiB: put it into a file")
                 : send_text(link, type, strbuf_str(&text)) < 0 ? gone(err)
                                                                : 0;
    strbuf_clear(&text);
    return result;
}

int step_link_result(struct step_link *link, const char *result, const char *reason)
{
    struct arena *arena = arena_new();
    struct json value = json_object();
    json_set(arena, &value, "result", json_cstring(arena, result));
    json_set(arena, &value, "reason", reason == NULL ? json_null() : json_cstring(arena, reason));
    int sent = step_link_send(link, JOURNAL_RESULT, &value, NULL);
    arena_free(arena);
    return sent;
}

static int link_report(void *ctx, const struct json *report, struct err *err)
{
    return step_link_send(ctx, JOURNAL_REPORT, report, err);
}

static int link_metric(void *ctx, const struct journal_point *point, struct err *err)
{
    struct step_link *link = ctx;
    if (point->key.n > KEY_MAX_BYTES) {
        return err_set(err, ERR_INPUT, "the key of a metric is over %d bytes", KEY_MAX_BYTES);
    }
    struct journal_point stamped = *point;
    stamped.time_ms = point->time_ms == 0 ? clock_wall_ms(&clock_system) : point->time_ms;
    (void)pthread_mutex_lock(&link->mutex);
    if (!link->has_flusher) {
        start_flusher(link);
    }
    int result = 0;
    bool first = !has_points(link);
    link->points = link->points == NULL ? points_writer_new(POINTS_BYTES) : link->points;
    if (!points_writer_add(link->points, &stamped)) {
        result = flush_points(link);
        (void)points_writer_add(link->points, &stamped); /* there is room for any: POINTS_BYTES */
    }
    if (first) {
        (void)pthread_cond_signal(&link->changed);
    }
    (void)pthread_mutex_unlock(&link->mutex);
    return result < 0 || link->broken ? gone(err) : 0;
}

static void link_log(void *ctx, int level, struct str text)
{
    while (text.n > 0 && text.p[text.n - 1] == '\n') {
        text.n--;
    }
    struct str rest = text;
    do {
        size_t size = rest.n;
        if (size > LOG_PIECE_BYTES) {
            const char *end = memrchr(rest.p, '\n', LOG_PIECE_BYTES);
            size = end == NULL ? LOG_PIECE_BYTES : (size_t)(end - rest.p);
        }
        struct strbuf payload;
        strbuf_init(&payload, LOG_PIECE_BYTES + 2);
        strbuf_add_byte(&payload, JOURNAL_HOST);
        strbuf_add_byte(&payload, (char)level);
        strbuf_add(&payload, rest.p, size);
        (void)send_text(ctx, JOURNAL_LOG, strbuf_str(&payload));
        strbuf_clear(&payload);
        rest = str_slice(rest, size < rest.n && rest.p[size] == '\n' ? size + 1 : size, rest.n);
    } while (rest.n > 0);
}

/* ---- asking ---- */

static int receive_all(struct step_link *link, void *room, size_t size)
{
    unsigned char *p = room;
    for (size_t got = 0; got < size && !link->broken;) {
        ssize_t n = recv(link->fd, p + got, size - got, 0);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            link->broken = true;
        }
        got += n > 0 ? (size_t)n : 0;
    }
    return link->broken ? -1 : 0;
}

static int receive_answer(struct step_link *link, struct arena *arena, struct json *ret, struct err *err)
{
    unsigned char head[4];
    if (receive_all(link, head, sizeof head) < 0) {
        return gone(err);
    }
    size_t size = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    if (size > ANSWER_MAX_BYTES) {
        link->broken = true;
        return gone(err);
    }
    char *text = arena_alloc(arena, size + 1);
    if (receive_all(link, text, size) < 0) {
        return gone(err);
    }
    return json_read((struct str){text, size}, (struct json_limits){0}, arena, ret, err);
}

static int ask(struct step_link *link, const char *method, const struct json *params, struct arena *arena,
               struct json *ret, struct err *err)
{
    struct json call = json_object();
    int64_t sequence = ++link->sequence;
    json_set(arena, &call, "seq", json_int(sequence));
    json_set(arena, &call, "method", json_cstring(arena, method));
    json_set(arena, &call, "params", *params);
    if (step_link_send(link, JOURNAL_CALL, &call, err) < 0) {
        return -1;
    }
    do {
        if (receive_answer(link, arena, ret, err) < 0) {
            return -1;
        }
    } while (json_get_int(ret, "seq", 0) != sequence);
    return 0;
}

static int link_call(void *ctx, const char *method, const struct json *params, struct arena *arena, struct json *ret,
                     struct err *err)
{
    struct step_link *link = ctx;
    (void)pthread_mutex_lock(&link->asking);
    int result = ask(link, method, params, arena, ret, err);
    (void)pthread_mutex_unlock(&link->asking);
    return result;
}

static int link_fetch(void *ctx, const struct json *request, struct arena *arena, struct json *ret_head,
                      struct str *ret_body, struct err *err)
{
    const struct step_link *link = ctx;
    return fetch_client_run(link->fetch, request, arena, ret_head, ret_body, err);
}

struct step_sink step_link_sink(struct step_link *link)
{
    return (struct step_sink){
        .ctx = link,
        .report = link_report,
        .metric = link_metric,
        .log = link_log,
        .call = link_call,
        .fetch = link_fetch,
    };
}
