/* SPDX-License-Identifier: Apache-2.0
 * A growing text buffer that must be told its maximum.
 *
 * Invariants: `data` is never NULL after init and always NUL-terminated at `length`;
 * `length <= max`. Writing past the maximum keeps what fits and sets `overflow`, which whoever
 * uses the text checks once at the end. Bytes may hold NULs; then use data with length.
 */
#ifndef SLUICE_BASE_STRBUF_H
#define SLUICE_BASE_STRBUF_H

#include "base/str.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct strbuf {
    char *data;
    size_t length;
    size_t room;
    size_t max;
    bool overflow;
};

void strbuf_init(struct strbuf *buf, size_t max);
/* Releases the memory; the buffer may be initialised again. A zeroed buffer is allowed. */
void strbuf_clear(struct strbuf *buf);
/* Makes it empty, keeps the memory. */
void strbuf_reset(struct strbuf *buf);
/* Hands the text to the caller (free() it) and leaves the buffer cleared. */
char *strbuf_take(struct strbuf *buf);
/* Shortens to `length` bytes; a longer length is an assert. */
void strbuf_truncate(struct strbuf *buf, size_t length);

/* strbuf_add of what may find no room. */
void strbuf_add_grow(struct strbuf *buf, const void *bytes, size_t size);

/* These stand here, since an answer is made of a hundred thousand small pieces. */
static inline void strbuf_add(struct strbuf *buf, const void *bytes, size_t size)
{
    if (size == 0 || size >= buf->room - buf->length || size > buf->max - buf->length) {
        strbuf_add_grow(buf, bytes, size);
        return;
    }
    memcpy(buf->data + buf->length, bytes, size);
    buf->length += size;
    buf->data[buf->length] = '\0';
}

static inline void strbuf_add_text(struct strbuf *buf, const char *text)
{
    strbuf_add(buf, text, strlen(text));
}

static inline void strbuf_add_str(struct strbuf *buf, struct str s)
{
    strbuf_add(buf, s.p, s.n);
}

static inline void strbuf_add_byte(struct strbuf *buf, char c)
{
    strbuf_add(buf, &c, 1);
}

void strbuf_printf(struct strbuf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vprintf(struct strbuf *buf, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

static inline struct str strbuf_str(const struct strbuf *buf)
{
    return (struct str){buf->data, buf->length};
}

#endif
