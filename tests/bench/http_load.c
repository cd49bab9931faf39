/* SPDX-License-Identifier: Apache-2.0
 * Sends requests over keep-alive connections as fast as they are answered, and
 * tells how long that took.
 *
 *     http_load PORT CONNECTIONS SECONDS FIRST METHOD PATH BODY [METHOD PATH
 * BODY]...
 *
 * Each connection makes the calls in turn, again and again. In a PATH and BODY
 * "%N" is the number of the request, from FIRST on, so that no two are the
 * same, and "%R" the last "run_id" that an answer on this connection held. One
 * thread and epoll; a request is sent when the answer to the one before it on
 * its connection has come whole. Prints a JSON object: requests, next (the
 * number after the last), failed (answers other than 2xx), seconds, bytes of
 * answers, and for each call p50, p99 and max of the time from the first byte
 * sent to the last received, in ms.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 20, HEAD = 16384, TAIL = 5, EVENTS = 256, SAMPLES = 1 << 20, CALLS = 16 };

struct line {
    int fd;
    double began;
    size_t got;      /* bytes of the answer so far */
    size_t expected; /* of the whole answer; 0: its head has not come; SIZE_MAX:
                        it says where it ends */
    char *head;      /* its first bytes */
    char tail[TAIL]; /* its last */
    char run_id[64];
    int call; /* that was sent */
};

struct call {
    const char *method, *path, *body;
    float *samples;
    size_t count;
};

static struct call calls[CALLS];
static int call_count;
static size_t answered, failed, sent;
static unsigned long long received;

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void fail(const char *what)
{
    fprintf(stderr, "http_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static size_t put_number(char *room, size_t number)
{
    char digits[24];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    for (size_t i = 0; i < n; i++) {
        room[i] = digits[n - 1 - i];
    }
    return n;
}

/* Copies a text with "%N" and "%R" replaced. */
static size_t fill(char *room, size_t size, const char *text, const char *run_id)
{
    size_t n = 0;
    for (;;) {
        const char *mark = strchr(text, '%');
        while (mark != NULL && mark[1] != 'N' && mark[1] != 'R') {
            mark = strchr(mark + 1, '%');
        }
        size_t part = mark == NULL ? strlen(text) : (size_t)(mark - text);
        if (n + part + 64 >= size) {
            fprintf(stderr, "http_load: a request of more than %zu bytes\n", size);
            exit(2);
        }
        memcpy(room + n, text, part);
        n += part;
        if (mark == NULL) {
            room[n] = '\0';
            return n;
        }
        if (mark[1] == 'N') {
            n += put_number(room + n, sent);
        } else {
            n += (size_t)snprintf(room + n, 64, "%s", run_id);
        }
        text = mark + 2;
    }
}

static void send_next(struct line *line)
{
    static char filled[ROOM], target[HEAD], request[ROOM + HEAD + 512];
    line->call = (line->call + 1) % call_count;
    const struct call *call = &calls[line->call];
    size_t size = fill(filled, sizeof filled, call->body, line->run_id);
    (void)fill(target, sizeof target, call->path, line->run_id);
    int n = snprintf(request, sizeof request,
                     "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     call->method, target, size);
    memcpy(request + n, filled, size);
    n += (int)size;
    sent++;
    line->began = now();
    line->got = line->expected = 0;
    for (int done = 0; done < n;) {
        ssize_t part = send(line->fd, request + done, (size_t)(n - done), MSG_NOSIGNAL);
        if (part < 0 && errno != EAGAIN) {
            fail("sending");
        }
        done += part > 0 ? (int)part : 0;
    }
}

/* How long the answer is, once its head is there. */
static size_t length_of(const char *head)
{
    const char *end = strstr(head, "\r\n\r\n");
    if (end == NULL) {
        return 0;
    }
    const char *length = strcasestr(head, "\r\ncontent-length:");
    return length == NULL || length > end ? SIZE_MAX : (size_t)(end + 4 - head) + strtoul(length + 17, NULL, 10);
}

static void keep_ends(struct line *line, const char *part, size_t size)
{
    for (size_t i = 0; i < size && line->got + i < HEAD - 1; i++) {
        line->head[line->got + i] = part[i];
        line->head[line->got + i + 1] = '\0';
    }
    size_t last = size < TAIL ? size : TAIL;
    memmove(line->tail, line->tail + last, TAIL - last);
    memcpy(line->tail + TAIL - last, part + size - last, last);
    line->got += size;
}

static void note_run(struct line *line)
{
    const char *at = strstr(line->head, "\"run_id\":");
    at = at == NULL ? NULL : strchr(at + 9, '"');
    if (at != NULL) {
        (void)snprintf(line->run_id, sizeof line->run_id, "%.*s", (int)strcspn(at + 1, "\""), at + 1);
    }
}

/* True when an answer has come whole. */
static int take(struct line *line)
{
    static char room[256 << 10];
    ssize_t n = recv(line->fd, room, sizeof room, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        fail("the server has closed a connection");
    }
    if (n < 0) {
        return 0;
    }
    keep_ends(line, room, (size_t)n);
    received += (unsigned long long)n;
    line->expected = line->expected == 0 ? length_of(line->head) : line->expected;
    if (line->expected == 0 || line->got < line->expected) {
        if (line->expected != SIZE_MAX || memcmp(line->tail, "0\r\n\r\n", TAIL) != 0) {
            return 0;
        }
    }
    struct call *call = &calls[line->call];
    failed += strncmp(line->head, "HTTP/1.1 2", 10) != 0;
    answered++;
    note_run(line);
    if (call->count < SAMPLES) {
        call->samples[call->count++] = (float)((now() - line->began) * 1e3);
    }
    return 1;
}

static int open_line(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        fail("connecting");
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void load(struct line *lines, int count, double seconds)
{
    int epoll = epoll_create1(0);
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &lines[i]};
        (void)epoll_ctl(epoll, EPOLL_CTL_ADD, lines[i].fd, &event);
    }
    double begin = now();
    for (int i = 0; i < count; i++) {
        send_next(&lines[i]);
    }
    int waiting = count;
    while (waiting > 0) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll, events, EVENTS, 600000);
        if (n <= 0) {
            fail("waiting for answers");
        }
        for (int i = 0; i < n; i++) {
            struct line *line = events[i].data.ptr;
            if (take(line)) {
                if (now() - begin < seconds || line->call != call_count - 1) {
                    send_next(line);
                } else {
                    waiting--;
                }
            }
        }
    }
}

static void print_call(struct call *call, const char *before)
{
    qsort(call->samples, call->count, sizeof *call->samples, by_size);
    printf("%s{\"path\": \"%s\", \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": "
           "%.3f}",
           before, strchr(call->path, '"') == NULL ? call->path : "", (double)call->samples[call->count / 2],
           (double)call->samples[call->count * 99 / 100], (double)call->samples[call->count - 1]);
}

int main(int argc, char **argv)
{
    if (argc < 8 || (argc - 5) % 3 != 0 || (argc - 5) / 3 > CALLS) {
        fprintf(stderr, "usage: http_load PORT CONNECTIONS SECONDS FIRST METHOD "
                        "PATH BODY [METHOD PATH BODY]...\n");
        return 2;
    }
    int count = (int)strtol(argv[2], NULL, 10);
    sent = strtoul(argv[4], NULL, 10);
    for (call_count = 0; 5 + 3 * call_count < argc; call_count++) {
        char **words = argv + 5 + 3 * call_count;
        calls[call_count] = (struct call){words[0], words[1], words[2], malloc(SAMPLES * sizeof(float)), 0};
    }
    struct line *lines = calloc((size_t)count, sizeof *lines);
    for (int i = 0; i < count; i++) {
        lines[i].fd = open_line((int)strtol(argv[1], NULL, 10));
        lines[i].head = calloc(1, HEAD);
        lines[i].call = -1;
    }
    double begin = now();
    load(lines, count, strtod(argv[3], NULL));
    printf("{\"requests\": %zu, \"next\": %zu, \"failed\": %zu, \"seconds\": "
           "%.3f, \"bytes\": %llu, \"calls\": [",
           answered, sent, failed, now() - begin, received);
    for (int i = 0; i < call_count; i++) {
        print_call(&calls[i], i == 0 ? "" : ", ");
    }
    printf("]}\n");
    return 0;
}
