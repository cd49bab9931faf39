/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strbuf.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void strbuf_init(struct strbuf *buf, size_t max)
{
    *buf = (struct strbuf){.max = max, .room = 64};
    buf->data = mem_alloc(buf->room);
}

void strbuf_clear(struct strbuf *buf)
{
    free(buf->data);
    *buf = (struct strbuf){0};
}

void strbuf_reset(struct strbuf *buf)
{
    buf->length = 0;
    buf->overflow = false;
    buf->data[0] = '\0';
}

char *strbuf_take(struct strbuf *buf)
{
    char *data = buf->data;
    *buf = (struct strbuf){0};
    return data;
}

void strbuf_truncate(struct strbuf *buf, size_t length)
{
    assert(length <= buf->length);
    buf->length = length;
    buf->data[length] = '\0';
}

static void strbuf_reserve(struct strbuf *buf, size_t extra)
{
    if (buf->room - buf->length > extra) {
        return;
    }
    size_t room = buf->room;
    while (room - buf->length <= extra) {
        room *= 2;
    }
    buf->data = mem_resize(buf->data, room, 1);
    buf->room = room;
}

void strbuf_add_grow(struct strbuf *buf, const void *bytes, size_t size)
{
    if (size > buf->max - buf->length) {
        size = buf->max - buf->length;
        buf->overflow = true;
    }
    if (size == 0) {
        return;
    }
    strbuf_reserve(buf, size);
    memcpy(buf->data + buf->length, bytes, size);
    buf->length += size;
    buf->data[buf->length] = '\0';
}

void strbuf_vprintf(struct strbuf *buf, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    size_t room = buf->room - buf->length; /* most texts fit in what is there already */
    int length = vsnprintf(buf->data + buf->length, room, format, args);
    if (length >= 0 && (size_t)length < room && (size_t)length <= buf->max - buf->length) {
        buf->length += (size_t)length;
        va_end(again);
        return;
    }
    buf->data[buf->length] = '\0';
    if (length > 0) {
        char *text = mem_alloc((size_t)length + 1);
        (void)vsnprintf(text, (size_t)length + 1, format, again);
        strbuf_add(buf, text, (size_t)length);
        free(text);
    }
    va_end(again);
}

void strbuf_printf(struct strbuf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    strbuf_vprintf(buf, format, args);
    va_end(args);
}
