/* SPDX-License-Identifier: Apache-2.0
 * A text that grows: for JSON, SVG and tables that a plugin writes.
 */
#ifndef SLUICE_SHARED_TEXTBUF_H
#define SLUICE_SHARED_TEXTBUF_H

#include "fault.h"

#include <stddef.h>

/* Start with `struct textbuf out = {0};`, end with textbuf_free(). */
struct textbuf {
    char *text; /* NULL while empty, else NUL-terminated; see textbuf_text() */
    size_t size;
    size_t room;
};

/* The text so far, "" when nothing was put; valid until the next put. */
const char *textbuf_text(const struct textbuf *out);
void textbuf_put(struct textbuf *out, const char *text);
void textbuf_put_bytes(struct textbuf *out, const char *bytes, size_t size);
void textbuf_printf(struct textbuf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes. */
void textbuf_json_string(struct textbuf *out, const char *text);
/* A JSON string, or null for NULL. */
void textbuf_json_string_or_null(struct textbuf *out, const char *text);
/* A JSON number that reads back to the same bits; null for NaN and the infinities. */
void textbuf_json_number(struct textbuf *out, double value);
/* A number for people: up to six significant digits, "0.7", "12", "1.5e-09". */
void textbuf_number(struct textbuf *out, double value);
/* Text in XML: & < > " are escaped, control characters become blanks. */
void textbuf_xml(struct textbuf *out, const char *text);
/* Writes the text to a file, replacing one that is there. */
int textbuf_write_file(const struct textbuf *out, const char *path, struct fault *fault);
void textbuf_free(struct textbuf *out);

#endif
