/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mask_forms.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "base/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RAW_MIN_BYTES = 4, FORMS_MIN_BYTES = 8, FORMS_MAX_BYTES = 64 << 10 };

struct sink {
    void (*take)(void *ctx, struct str form, bool encoded);
    void *ctx;
    struct strbuf text; /* both roomy from the start, so that growing leaves no copies behind */
    struct strbuf once; /* escaped, to be escaped again */
};

static void roomy_init(struct strbuf *buf, size_t max)
{
    strbuf_init(buf, max);
    free(buf->data);
    buf->room = max + 1;
    buf->data = mem_alloc(buf->room);
}

static void roomy_clear(struct strbuf *buf)
{
    explicit_bzero(buf->data, buf->room);
    strbuf_clear(buf);
}

static void sink_give(struct sink *sink, bool encoded)
{
    sink->take(sink->ctx, strbuf_str(&sink->text), encoded);
    strbuf_reset(&sink->text);
}

/* ---- JSON ---- */

static void add_unicode_escape(struct strbuf *out, uint32_t unit)
{
    char room[8];
    (void)snprintf(room, sizeof room, "\\u%04x", unit & 0xffff);
    strbuf_add_text(out, room);
}

static bool add_short_escape(struct strbuf *out, char c, bool slash)
{
    static const char from[] = "\"\\\b\f\n\r\t/";
    static const char to[] = "\"\\bfnrt/";
    const char *at = c == '\0' ? NULL : strchr(from, c);
    if (at == NULL || (c == '/' && !slash)) {
        return false;
    }
    strbuf_add_byte(out, '\\');
    strbuf_add_byte(out, to[at - from]);
    return true;
}

/* As writers of JSON differ: "/" may be escaped, and so may everything that is not ASCII. */
static void add_json(struct strbuf *out, struct str value, bool slash, bool ascii)
{
    for (size_t i = 0; i < value.n;) {
        uint32_t code;
        size_t n = utf8_decode(value.p + i, value.n - i, &code);
        if (n == 0) {
            strbuf_add_byte(out, value.p[i++]);
            continue;
        }
        if (!add_short_escape(out, value.p[i], slash)) {
            if (code < 0x20 || code == 0x7f || (ascii && code > 0x7f && code < 0x10000)) {
                add_unicode_escape(out, code);
            } else if (ascii && code >= 0x10000) {
                add_unicode_escape(out, 0xd800 + ((code - 0x10000) >> 10));
                add_unicode_escape(out, 0xdc00 + ((code - 0x10000) & 0x3ff));
            } else {
                strbuf_add(out, value.p + i, n);
            }
        }
        i += n;
    }
}

/* Once, and twice for what a writer of JSON put into a string of its JSON: an event that quotes a request, say. */
static void give_json(struct sink *sink, struct str value, bool slash, bool ascii)
{
    add_json(&sink->once, value, slash, ascii);
    sink->take(sink->ctx, strbuf_str(&sink->once), false);
    if (!str_eq(strbuf_str(&sink->once), value)) {
        add_json(&sink->text, strbuf_str(&sink->once), slash, ascii);
        sink_give(sink, false);
    }
    strbuf_reset(&sink->once);
}

/* ---- quotes of shells and of Python ---- */

/* How a program shows a text that somebody could give it again. */
struct quoting {
    const char *escaped; /* a '\' stands before each of these */
    const char *quote;   /* what stands for "'"; NULL: itself */
    bool controls;       /* "\n", "\x07" */
    bool ascii;          /* "\xc3" for what is not ASCII */
};

static const struct quoting quotings[] = {
    {"", "'\\''", false, false},                             /* set -x, export -p: 'it'\''s' */
    {"", "'\"'\"'", false, false},                            /* dash: 'it'"'"'s' */
    {"\"\\$`", NULL, false, false},                          /* declare -p: "\$x" */
    {" \t'\"\\|&;()<>!{}*[]?^$`,", NULL, false, false},      /* printf %q */
    {"\\", NULL, true, false},                              /* repr() */
    {"\\'", NULL, true, false},                             /* repr() of what has both quotes; $'...' */
    {"\\", NULL, true, true},                               /* of bytes; ascii() */
    {"\\'", NULL, true, true},
};

static void add_quoted(struct strbuf *out, const struct quoting *quoting, unsigned char c)
{
    char room[8];
    const char *at = c == '\0' || !quoting->controls ? NULL : strchr("\nn\rr\tt", c);
    if (c == '\'' && quoting->quote != NULL) {
        strbuf_add_text(out, quoting->quote);
    } else if (c < 0x20 && at != NULL) {
        strbuf_add_byte(out, '\\');
        strbuf_add_byte(out, at[1]);
    } else if ((quoting->controls && (c < 0x20 || c == 0x7f)) || (quoting->ascii && c > 0x7f)) {
        (void)snprintf(room, sizeof room, "\\x%02x", c);
        strbuf_add_text(out, room);
    } else {
        if (c != '\0' && strchr(quoting->escaped, c) != NULL) {
            strbuf_add_byte(out, '\\');
        }
        strbuf_add_byte(out, (char)c);
    }
}

static void give_quoted(struct sink *sink, struct str value)
{
    for (size_t q = 0; q < sizeof quotings / sizeof quotings[0]; q++) {
        for (size_t i = 0; i < value.n; i++) {
            add_quoted(&sink->text, &quotings[q], (unsigned char)value.p[i]);
        }
        if (str_eq(strbuf_str(&sink->text), value)) {
            strbuf_reset(&sink->text);
        } else {
            sink_give(sink, false);
        }
    }
}

/* ---- URLs ---- */

static void give_url(struct sink *sink, struct str value, const char *safe, bool plus, const char *digits)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (word || (c != '\0' && strchr(safe, c) != NULL)) {
            strbuf_add_byte(&sink->text, (char)c);
        } else if (plus && c == ' ') {
            strbuf_add_byte(&sink->text, '+');
        } else {
            const char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
            strbuf_add(&sink->text, escape, 3);
        }
    }
    sink_give(sink, false);
}

/* RFC 3986, its use for paths, ECMAScript's encodeURIComponent, HTML forms. */
static const char *const url_safe[] = {"-._~", "-._~/", "-._~!'()*", "-._*"};

/* ---- hex and base64 ---- */

static void give_hex(struct sink *sink, struct str value, const char *digits)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        strbuf_add_byte(&sink->text, digits[c >> 4]);
        strbuf_add_byte(&sink->text, digits[c & 15]);
    }
    sink_give(sink, true);
}

/* The value behind `before` unknown bytes (0, 1, 2): the characters that it alone determines. When the encoded text
 * ends with the value, one more character does, its missing bits being zero: that is the second form. */
static void give_base64(struct sink *sink, struct str value, size_t before, const char *alphabet)
{
    const size_t first = before == 0 ? 0 : before + 1;
    const size_t bits = (before + value.n) * 8;
    for (size_t end = bits / 6; end <= (bits + 5) / 6; end++) {
        for (size_t i = first; i < end; i++) {
            unsigned digit = 0;
            for (size_t bit = i * 6; bit < i * 6 + 6; bit++) {
                digit <<= 1;
                if (bit >= before * 8 && bit < bits) {
                    unsigned char c = (unsigned char)value.p[bit / 8 - before];
                    digit |= (c >> (7 - bit % 8)) & 1;
                }
            }
            strbuf_add_byte(&sink->text, alphabet[digit]);
        }
        sink_give(sink, true);
    }
}

/* ---- all ---- */

static void give_lines(struct sink *sink, struct str value)
{
    struct str rest = value;
    struct str line;
    while (str_cut(&rest, '\n', &line)) {
        line = str_trim(line);
        if (line.n >= FORMS_MIN_BYTES && line.n < value.n) {
            sink->take(sink->ctx, line, false);
        }
    }
}

static void give_encoded(struct sink *sink, struct str value)
{
    static const char upper[] = "0123456789ABCDEF";
    static const char lower[] = "0123456789abcdef";
    static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char for_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (int i = 0; i < 4; i++) {
        give_json(sink, value, (i & 1) != 0, (i & 2) != 0);
    }
    give_quoted(sink, value);
    for (size_t i = 0; i < sizeof url_safe / sizeof url_safe[0]; i++) {
        for (int plus = 0; plus < 2; plus++) {
            give_url(sink, value, url_safe[i], plus == 1, upper);
            give_url(sink, value, url_safe[i], plus == 1, lower);
        }
    }
    give_hex(sink, value, upper);
    give_hex(sink, value, lower);
    for (size_t before = 0; before < 3; before++) {
        give_base64(sink, value, before, standard);
        give_base64(sink, value, before, for_url);
    }
}

static void give_value(struct sink *sink, struct str value)
{
    if (value.n < RAW_MIN_BYTES) {
        return;
    }
    sink->take(sink->ctx, value, false);
    if (value.n < FORMS_MIN_BYTES) {
        return;
    }
    give_lines(sink, value);
    if (value.n <= FORMS_MAX_BYTES) {
        give_encoded(sink, value);
    }
}

void mask_forms(struct str value, void (*take)(void *ctx, struct str form, bool encoded),
                void *ctx)
{
    struct sink sink = {.take = take, .ctx = ctx};
    roomy_init(&sink.text, 8 * (value.n + 8));
    roomy_init(&sink.once, 8 * (value.n + 8));

    give_value(&sink, value);
    /* A value read from a file often ends with a line feed that nobody prints. */
    struct str trimmed = str_trim(value);
    if (trimmed.n < value.n) {
        give_value(&sink, trimmed);
    }
    roomy_clear(&sink.text);
    roomy_clear(&sink.once);
}
