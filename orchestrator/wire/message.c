/* SPDX-License-Identifier: Apache-2.0
 * Messages pass through two buffers. They carry secrets, so bytes that are done with are overwritten before their
 * memory is used for something else or given back.
 */
#include "wire/message.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LENGTH_BYTES = 4, READ_BYTES = 64 << 10, FILL_MAX_BYTES = 4 << 20, OUT_MAX_BYTES = 4 * MESSAGE_MAX_BYTES };

void message_stream_init(struct message_stream *stream, int take_fd)
{
    *stream = (struct message_stream){.fd = take_fd};
    strbuf_init(&stream->in, SIZE_MAX / 4);
    strbuf_init(&stream->out, OUT_MAX_BYTES);
    int flags = fcntl(take_fd, F_GETFL);
    if (flags >= 0) {
        (void)fcntl(take_fd, F_SETFL, flags | O_NONBLOCK);
    }
}

/* What lies behind `length` was overwritten when it was done with. */
static void wipe(struct strbuf *buf)
{
    if (buf->data != NULL) {
        explicit_bzero(buf->data, buf->length);
    }
}

void message_stream_clear(struct message_stream *stream)
{
    if (stream->fd >= 0) {
        close(stream->fd);
    }
    for (size_t i = 0; i < stream->give.count; i++) {
        close(stream->give.items[i].fd);
    }
    for (size_t i = 0; i < stream->given.count; i++) {
        close(stream->given.items[i]);
    }
    vec_clear(&stream->give);
    vec_clear(&stream->given);
    wipe(&stream->in);
    wipe(&stream->out);
    strbuf_clear(&stream->in);
    strbuf_clear(&stream->out);
    stream->fd = -1;
    stream->in_used = stream->out_used = 0;
}

/* ---- descriptors ------------------------------------------------------------------------------------------------ */

union fd_control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
};

bool message_give_fd(struct message_stream *stream, int fd)
{
    struct message_fd one = {.fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3), .at = stream->out.length};
    if (one.fd < 0) {
        return false;
    }
    vec_push(&stream->give, one);
    return true;
}

int message_take_fd(struct message_stream *stream)
{
    if (stream->given.count == 0) {
        return -1;
    }
    int fd = stream->given.items[0];
    stream->given.count--;
    memmove(stream->given.items, stream->given.items + 1, stream->given.count * sizeof fd);
    return fd;
}

static ssize_t send_with_fd(struct message_stream *stream, char *bytes, size_t size)
{
    union fd_control control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec part = {bytes, size};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
    memcpy(CMSG_DATA(&control.header), &stream->give.items[0].fd, sizeof(int));
    ssize_t n = sendmsg(stream->fd, &message, MSG_NOSIGNAL);
    if (n > 0) {
        close(stream->give.items[0].fd);
        stream->give.count--;
        memmove(stream->give.items, stream->give.items + 1, stream->give.count * sizeof stream->give.items[0]);
    }
    return n;
}

/* Up to the message that the next descriptor belongs to, or from there with it: none comes later than its message. */
static ssize_t send_bytes(struct message_stream *stream)
{
    size_t from = stream->out_used;
    bool with = stream->give.count > 0 && stream->give.items[0].at <= from;
    size_t next = with ? 1 : 0;
    size_t to = next < stream->give.count ? stream->give.items[next].at : stream->out.length;
    char *bytes = stream->out.data + from;
    return with ? send_with_fd(stream, bytes, to - from) : send(stream->fd, bytes, to - from, MSG_NOSIGNAL);
}

static void keep_fds(struct message_stream *stream, const struct cmsghdr *header)
{
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
        vec_push(&stream->given, fd);
    }
}

static ssize_t receive_bytes(struct message_stream *stream, char *room, size_t size)
{
    union fd_control control; /* its padding is room for a second one */
    struct iovec part = {room, size};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
    ssize_t n = recvmsg(stream->fd, &message, MSG_CMSG_CLOEXEC);
    const struct cmsghdr *header = n <= 0 ? NULL : CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        keep_fds(stream, header);
    }
    return n;
}

/* ---- buffers ---------------------------------------------------------------------------------------------------- */

/* Room for `extra` bytes behind the text; realloc would leave a copy behind. */
static void make_room(struct strbuf *buf, size_t extra)
{
    if (buf->room - buf->length > extra) {
        return;
    }
    size_t room = buf->room;
    while (room - buf->length <= extra) {
        room *= 2;
    }
    char *data = mem_resize(NULL, room, 1);
    memcpy(data, buf->data, buf->length + 1);
    explicit_bzero(buf->data, buf->length);
    free(buf->data);
    buf->data = data;
    buf->room = room;
}

/* Drops the first `*used` bytes when that is worth a move. */
static void compact(struct strbuf *buf, size_t *used)
{
    if (*used == 0 || *used < buf->length / 2) {
        return;
    }
    size_t rest = buf->length - *used;
    memmove(buf->data, buf->data + *used, rest);
    explicit_bzero(buf->data + rest, *used);
    buf->length = rest;
    *used = 0;
}

/* A bound of its size as text, without writing it: at most six bytes for each byte of a string. */
static size_t most_bytes(const struct json *value)
{
    enum { NUMBER_BYTES = 32, AROUND_BYTES = 4 };
    size_t bytes = NUMBER_BYTES;
    if (value->type == JSON_STRING) {
        bytes += 6 * value->u.string.n;
    } else if (value->type == JSON_ARRAY) {
        for (size_t i = 0; i < value->u.array.count; i++) {
            bytes += most_bytes(&value->u.array.items[i]);
        }
    } else if (value->type == JSON_OBJECT) {
        for (size_t i = 0; i < value->u.object.count; i++) {
            const struct json_member *member = &value->u.object.members[i];
            bytes += 6 * member->key.n + AROUND_BYTES + most_bytes(&member->value);
        }
    }
    return bytes;
}

bool message_fits(const struct json *message, size_t *ret_bytes)
{
    if (most_bytes(message) <= MESSAGE_MAX_BYTES) {
        return true;
    }
    struct strbuf text;
    strbuf_init(&text, SIZE_MAX / 4);
    json_write(&text, message);
    *ret_bytes = text.length;
    wipe(&text);
    strbuf_clear(&text);
    return *ret_bytes <= MESSAGE_MAX_BYTES;
}

void message_send(struct message_stream *stream, const struct json *message)
{
    if (stream->fd < 0) {
        return;
    }
    struct strbuf text;
    strbuf_init(&text, MESSAGE_MAX_BYTES);
    json_write(&text, message);
    struct strbuf *out = &stream->out;
    size_t used = stream->out_used;
    compact(out, &stream->out_used);
    for (size_t i = 0; i < stream->give.count; i++) {
        stream->give.items[i].at -= used - stream->out_used;
    }
    if (text.overflow || text.length + LENGTH_BYTES > out->max - out->length) {
        out->overflow = true;
    } else {
        unsigned char length[LENGTH_BYTES];
        for (size_t i = 0; i < LENGTH_BYTES; i++) {
            length[i] = (unsigned char)(text.length >> (8 * i));
        }
        make_room(out, text.length + LENGTH_BYTES);
        strbuf_add(out, length, sizeof length);
        strbuf_add(out, text.data, text.length);
    }
    wipe(&text);
    strbuf_clear(&text);
}

int message_flush(struct message_stream *stream)
{
    struct strbuf *out = &stream->out;
    if (stream->fd < 0 || out->overflow) {
        errno = EMSGSIZE;
        return -1;
    }
    while (stream->out_used < out->length) {
        ssize_t n = send_bytes(stream);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return 0;
        }
        if (n < 0) {
            /* The other end may live (there was no memory for it): both are to notice. */
            int number = errno;
            (void)shutdown(stream->fd, SHUT_RDWR);
            errno = number;
            return -1;
        }
        stream->out_used += (size_t)n;
    }
    explicit_bzero(out->data, out->length);
    strbuf_reset(out);
    stream->out_used = 0;
    return 1;
}

int message_fill(struct message_stream *stream)
{
    if (stream->fd < 0 || stream->given.count >= MESSAGE_FDS_MAX) {
        return -1;
    }
    compact(&stream->in, &stream->in_used);
    for (size_t got = 0; got < FILL_MAX_BYTES && stream->given.count < MESSAGE_FDS_MAX;) {
        make_room(&stream->in, READ_BYTES);
        ssize_t n = receive_bytes(stream, stream->in.data + stream->in.length, READ_BYTES);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return 0;
        }
        if (n <= 0) {
            return -1;
        }
        stream->in.length += (size_t)n;
        stream->in.data[stream->in.length] = '\0';
        got += (size_t)n;
    }
    return 0;
}

int message_next(struct message_stream *stream, struct arena *arena, struct json *ret_message, struct err *err)
{
    size_t have = stream->in.length - stream->in_used;
    if (stream->in.data == NULL || have < LENGTH_BYTES) {
        return 0;
    }
    char *p = stream->in.data + stream->in_used;
    size_t size = 0;
    for (size_t i = 0; i < LENGTH_BYTES; i++) {
        size |= (size_t)(unsigned char)p[i] << (8 * i);
    }
    if (size > MESSAGE_MAX_BYTES) {
        return err_set(err, ERR_LIMIT, "a message of %zu bytes, expected at most %d", size, MESSAGE_MAX_BYTES);
    }
    if (have - LENGTH_BYTES < size) {
        return 0;
    }
    struct json message;
    struct str text = {p + LENGTH_BYTES, size};
    int result = json_read(text, (struct json_limits){0}, arena, &message, err);
    explicit_bzero(p, LENGTH_BYTES + size);
    stream->in_used += LENGTH_BYTES + size;
    if (result < 0) {
        return err_add(err, "a message that is no JSON");
    }
    if (message.type != JSON_OBJECT || *json_get_text(&message, "type", "") == '\0') {
        return err_set(err, ERR_INPUT, "a message without a type");
    }
    *ret_message = message;
    return 1;
}
