/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log_line.h"

#include "base/strbuf.h"
#include "base/utf8.h"

size_t log_line_colour(struct str text)
{
    if (!str_starts(text, STR("\x1b["))) {
        return 0;
    }
    size_t end = 2;
    while (end < text.n && ((text.p[end] >= '0' && text.p[end] <= '9') || text.p[end] == ';' || text.p[end] == ':')) {
        end++;
    }
    return end < text.n && text.p[end] == 'm' ? end + 1 : 0;
}

static bool is_control(uint32_t code)
{
    return (code < 0x20 && code != '\t') || (code >= 0x7f && code < 0xa0);
}

/* The code points that turn the text's direction: what follows would be read in another order than it stands. */
static bool turns_text(uint32_t code)
{
    return (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

static void put_clean(struct strbuf *out, struct str text)
{
    bool coloured = false;
    while (text.n > 0) {
        uint32_t code = 0;
        size_t size = log_line_colour(text);
        if (size > 0) {
            coloured = true;
            strbuf_add(out, text.p, size);
        } else {
            size = utf8_decode(text.p, text.n, &code);
            if (size == 0 || is_control(code) || turns_text(code)) {
                strbuf_add_byte(out, '?');
            } else {
                strbuf_add(out, text.p, size);
            }
        }
        text = str_slice(text, size == 0 ? 1 : size, text.n);
    }
    if (coloured) {
        strbuf_add_text(out, "\x1b[0m"); /* the next line is another step's, perhaps */
    }
}

static void print_one(FILE *out, const char *name, struct str text)
{
    fprintf(out, "%s | ", name);
    (void)fwrite(text.n == 0 ? "" : text.p, 1, text.n, out);
    (void)fputc('\n', out);
}

void log_line_print(FILE *out, bool terminal, const char *name, struct str line)
{
    if (!terminal) {
        print_one(out, name, line);
        return;
    }
    struct strbuf clean;
    struct str piece = {0};
    strbuf_init(&clean, 4 * line.n + 16);
    for (bool first = true; str_cut(&line, '\r', &piece); first = false) {
        if (piece.n > 0 || first) {
            strbuf_reset(&clean);
            put_clean(&clean, piece);
            print_one(out, name, strbuf_str(&clean));
        }
    }
    strbuf_clear(&clean);
}
