/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/capture.h"

#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

void capture_init(struct capture *capture, enum journal_stream stream, const struct mask *mask, capture_emit *emit,
                  void *ctx)
{
    *capture = (struct capture){.stream = stream, .mask = mask, .emit = emit, .ctx = ctx};
    strbuf_init(&capture->text, SIZE_MAX / 4);
}

void capture_clear(struct capture *capture)
{
    mask_stream_clear(&capture->masked);
    if (capture->text.data != NULL) {
        explicit_bzero(capture->text.data, capture->text.room);
    }
    strbuf_clear(&capture->text);
}

void capture_clean(struct str text, struct strbuf *out)
{
    size_t good = 0; /* beginning of what needs no change */
    for (size_t i = 0; i < text.n;) {
        if ((unsigned char)text.p[i] - 1u < 0x7f) {
            i++;
            continue;
        }
        uint32_t code;
        size_t n = utf8_decode(text.p + i, text.n - i, &code);
        if (n > 0 && code != 0) {
            i += n;
            continue;
        }
        strbuf_add(out, text.p + good, i - good);
        strbuf_add_text(out, text.p[i] == '\0' ? "\u2400" : "\ufffd");
        good = ++i;
    }
    strbuf_add(out, text.p + good, text.n - good);
}

static void emit(struct capture *capture, size_t from, size_t to)
{
    struct strbuf payload;
    strbuf_init(&payload, JOURNAL_PAYLOAD_MAX);
    strbuf_add_byte(&payload, (char)capture->stream);
    capture_clean((struct str){capture->text.data + from, to - from}, &payload);
    capture->emit(capture->ctx, strbuf_str(&payload));
    strbuf_clear(&payload);
}

/* Whole lines [from, to), the last line feed left out. */
static void emit_lines(struct capture *capture, size_t from, size_t to)
{
    if (to > from) {
        emit(capture, from, to - 1);
    }
}

/* The end of a piece of a long line that begins at `from`: not inside a character. */
static size_t piece_end(const struct capture *capture, size_t from)
{
    size_t end = from + CAPTURE_LINE_BYTES;
    for (int i = 0; i < 3 && ((unsigned char)capture->text.data[end] & 0xc0) == 0x80; i++) {
        end--;
    }
    return end;
}

/* Gives out the lines that are whole; frames hold many small ones. */
static void emit_ready(struct capture *capture)
{
    const char *text = capture->text.data;
    size_t size = capture->text.length;
    size_t from = 0;
    size_t at = 0;
    while (at < size) {
        const char *feed = memchr(text + at, '\n', size - at);
        size_t end = feed == NULL ? size : (size_t)(feed - text);
        if (end - at > CAPTURE_LINE_BYTES) {
            emit_lines(capture, from, at);
            end = piece_end(capture, at);
            emit(capture, at, end);
            from = at = end;
            continue;
        }
        if (feed == NULL) {
            break;
        }
        if (end + 1 - from > CAPTURE_FRAME_BYTES) {
            emit_lines(capture, from, at);
            from = at;
        }
        at = end + 1;
    }
    emit_lines(capture, from, at);
    memmove(capture->text.data, capture->text.data + at, size - at);
    strbuf_truncate(&capture->text, size - at);
}

void capture_feed(struct capture *capture, struct str bytes)
{
    mask_feed(capture->mask, &capture->masked, bytes, &capture->text);
    emit_ready(capture);
}

void capture_finish(struct capture *capture)
{
    mask_finish(capture->mask, &capture->masked, &capture->text);
    emit_ready(capture);
    if (capture->text.length > 0) {
        emit(capture, 0, capture->text.length);
        strbuf_reset(&capture->text);
    }
}
