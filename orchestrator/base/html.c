/* SPDX-License-Identifier: Apache-2.0 */
#include "base/html.h"

#include "base/utf8.h"

static const char replacement[] = "\xef\xbf\xbd";

static const char *reference_of(unsigned char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ? replacement : NULL;
    }
}

/* How many bytes the character has that begins here; 0: it is none. */
static size_t character_size(struct str text)
{
    unsigned char c = (unsigned char)text.p[0];
    size_t size = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    return size <= text.n && utf8_valid(str_slice(text, 0, size)) ? size : 0;
}

void html_add(struct strbuf *out, struct str text)
{
    while (text.n > 0) {
        size_t size = character_size(text);
        const char *reference = size == 0 ? replacement : size == 1 ? reference_of((unsigned char)text.p[0]) : NULL;
        if (reference != NULL) {
            strbuf_add(out, reference, strlen(reference));
        } else {
            strbuf_add(out, text.p, size);
        }
        text = str_slice(text, size == 0 ? 1 : size, text.n);
    }
}
