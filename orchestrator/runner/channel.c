/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/channel.h"

#include "base/mem.h"
#include "wire/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 64 << 10, ANSWERS_MAX_BYTES = 64 << 20, SIZE_BYTES = 4 };

void channel_init(struct channel *channel, int take_fd)
{
    *channel = (struct channel){.fd = take_fd};
    strbuf_init(&channel->in, 2 * (JOURNAL_PAYLOAD_MAX + READ_BYTES));
    strbuf_init(&channel->out, ANSWERS_MAX_BYTES);
    int flags = fcntl(take_fd, F_GETFL);
    if (flags >= 0) {
        (void)fcntl(take_fd, F_SETFL, flags | O_NONBLOCK);
    }
}

static void clear_buffer(struct strbuf *buf)
{
    if (buf->data != NULL) {
        explicit_bzero(buf->data, buf->room);
    }
    strbuf_clear(buf);
}

void channel_clear(struct channel *channel)
{
    if (channel->fd >= 0) {
        close(channel->fd);
    }
    clear_buffer(&channel->in);
    clear_buffer(&channel->out);
    *channel = (struct channel){.fd = -1};
}

static void drop_used(struct strbuf *buf, size_t *used)
{
    memmove(buf->data, buf->data + *used, buf->length - *used);
    strbuf_truncate(buf, buf->length - *used);
    *used = 0;
}

int channel_fill(struct channel *channel)
{
    if (channel->fd < 0) {
        return -1;
    }
    drop_used(&channel->in, &channel->in_used);
    char room[READ_BYTES];
    int result = 0;
    /* No more than a frame at a time, so that one step cannot keep the runner to itself. */
    while (channel->in.length < JOURNAL_PAYLOAD_MAX + CHANNEL_HEAD_BYTES) {
        ssize_t n = recv(channel->fd, room, READ_BYTES, 0);
        if (n > 0) {
            strbuf_add(&channel->in, room, (size_t)n);
            explicit_bzero(room, (size_t)n);
            continue;
        }
        if (n < 0 && errno == EINTR) {
            continue;
        }
        result = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : -1;
        break;
    }
    return result;
}

static size_t get_number(const char *p, size_t bytes)
{
    size_t number = 0;
    for (size_t i = 0; i < bytes; i++) {
        number |= (size_t)(unsigned char)p[i] << (8 * i);
    }
    return number;
}

static void put_number(char *room, size_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        room[i] = (char)(unsigned char)(number >> (8 * i));
    }
}

int channel_next(struct channel *channel, int *ret_type, struct str *ret_payload)
{
    size_t have = channel->in.length - channel->in_used;
    if (have < CHANNEL_HEAD_BYTES) {
        return 0;
    }
    const char *p = channel->in.data + channel->in_used;
    size_t size = get_number(p, SIZE_BYTES);
    if (size > JOURNAL_PAYLOAD_MAX) {
        return -1;
    }
    if (have - CHANNEL_HEAD_BYTES < size) {
        return 0;
    }
    *ret_type = (int)get_number(p + SIZE_BYTES, 2);
    *ret_payload = (struct str){p + CHANNEL_HEAD_BYTES, size};
    channel->in_used += CHANNEL_HEAD_BYTES + size;
    return 1;
}

int channel_answer(struct channel *channel, const struct json *answer)
{
    if (channel->fd < 0) {
        return 0;
    }
    struct strbuf text;
    strbuf_init(&text, ANSWERS_MAX_BYTES);
    json_write(&text, answer);
    char size[SIZE_BYTES];
    put_number(size, text.length, sizeof size);
    drop_used(&channel->out, &channel->out_used);
    bool fits = !text.overflow && text.length + sizeof size <= channel->out.max - channel->out.length;
    if (fits) {
        strbuf_add(&channel->out, size, sizeof size);
        strbuf_add(&channel->out, text.data, text.length);
    }
    strbuf_clear(&text);
    return fits ? 0 : -1;
}

int channel_flush(struct channel *channel)
{
    if (channel->fd < 0) {
        return -1;
    }
    while (channel->out_used < channel->out.length) {
        ssize_t n = send(channel->fd, channel->out.data + channel->out_used, channel->out.length - channel->out_used,
                         MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
        }
        channel->out_used += (size_t)n;
    }
    drop_used(&channel->out, &channel->out_used);
    return 1;
}

void channel_tell_not_started(int fd, int code, const char *reason)
{
    struct strbuf text;
    strbuf_init(&text, JOURNAL_PAYLOAD_MAX);
    strbuf_add(&text, "\0\0\0\0\0\0", CHANNEL_HEAD_BYTES);
    strbuf_printf(&text, "{\"code\":%d,\"reason\":", code);
    json_write_string(&text, str_from(reason));
    strbuf_add_text(&text, "}");
    put_number(text.data, text.length - CHANNEL_HEAD_BYTES, SIZE_BYTES);
    put_number(text.data + SIZE_BYTES, CHANNEL_NOT_STARTED, 2);
    for (size_t sent = 0; sent < text.length;) {
        ssize_t n = send(fd, text.data + sent, text.length - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            break;
        }
        sent += n > 0 ? (size_t)n : 0;
    }
    strbuf_clear(&text);
}
