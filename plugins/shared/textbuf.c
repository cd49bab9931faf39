/* SPDX-License-Identifier: Apache-2.0 */
#include "textbuf.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *textbuf_text(const struct textbuf *out)
{
    return out->text == NULL ? "" : out->text;
}

static void reserve(struct textbuf *out, size_t more)
{
    size_t needed = out->size + more + 1;
    if (needed <= out->room) {
        return;
    }
    size_t room = out->room < 256 ? 256 : out->room * 2;
    room = room < needed ? needed : room;
    char *text = realloc(out->text, room);
    if (text == NULL) {
        (void)fprintf(stderr, "out of memory: %zu bytes\n", room);
        abort();
    }
    out->text = text;
    out->room = room;
}

void textbuf_put_bytes(struct textbuf *out, const char *bytes, size_t size)
{
    reserve(out, size);
    if (size > 0) {
        memcpy(out->text + out->size, bytes, size);
    }
    out->size += size;
    out->text[out->size] = '\0';
}

void textbuf_put(struct textbuf *out, const char *text)
{
    textbuf_put_bytes(out, text, strlen(text));
}

void textbuf_printf(struct textbuf *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int size = vasprintf(&text, format, args);
    va_end(args);
    if (size < 0) {
        (void)fprintf(stderr, "out of memory while formatting a text\n");
        abort();
    }
    textbuf_put_bytes(out, text, (size_t)size);
    free(text);
}

void textbuf_json_string(struct textbuf *out, const char *text)
{
    textbuf_put(out, "\"");
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\') {
            textbuf_printf(out, "\\%c", c);
        } else if (c < 0x20) {
            textbuf_printf(out, "\\u%04x", c);
        } else {
            textbuf_put_bytes(out, p, 1);
        }
    }
    textbuf_put(out, "\"");
}

void textbuf_json_string_or_null(struct textbuf *out, const char *text)
{
    if (text == NULL) {
        textbuf_put(out, "null");
    } else {
        textbuf_json_string(out, text);
    }
}

void textbuf_json_number(struct textbuf *out, double value)
{
    if (!isfinite(value)) {
        textbuf_put(out, "null");
        return;
    }
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    textbuf_put(out, text);
}

void textbuf_number(struct textbuf *out, double value)
{
    textbuf_printf(out, "%.6g", value);
}

void textbuf_xml(struct textbuf *out, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        switch (*p) {
        case '&':
            textbuf_put(out, "&amp;");
            break;
        case '<':
            textbuf_put(out, "&lt;");
            break;
        case '>':
            textbuf_put(out, "&gt;");
            break;
        case '"':
            textbuf_put(out, "&quot;");
            break;
        default:
            textbuf_put_bytes(out, (unsigned char)*p < 0x20 ? " " : p, 1);
        }
    }
}

int textbuf_write_file(const struct textbuf *out, const char *path, struct fault *fault)
{
    FILE *file = fopen(path, "wbe");
    if (file == NULL) {
        return fault_set(fault, "cannot write '%s': %s", path, strerror(errno));
    }
    bool written = fwrite(textbuf_text(out), 1, out->size, file) == out->size;
    int failure = written ? 0 : errno;
    if (fclose(file) != 0 && failure == 0) {
        failure = errno;
        written = false;
    }
    return written ? 0 : fault_set(fault, "cannot write '%s': %s", path, strerror(failure));
}

void textbuf_free(struct textbuf *out)
{
    free(out->text);
    *out = (struct textbuf){0};
}
