/* SPDX-License-Identifier: Apache-2.0 */
#include "http/disposition.h"

#include "base/strbuf.h"
#include "base/utf8.h"

#include <ctype.h>
#include <string.h>

static bool is_plain(char c)
{
    return c >= 0x20 && c < 0x7f;
}

static bool is_among(char c, const char *marks)
{
    return isalnum((unsigned char)c) || (c != '\0' && strchr(marks, c) != NULL);
}

static bool is_token(const char *name)
{
    for (; *name != '\0'; name++) {
        if (!is_plain(*name) || !is_among(*name, "!#$%&'*+-.^_`|~")) {
            return false;
        }
    }
    return true;
}

static void write_quoted(struct strbuf *out, const char *name)
{
    strbuf_add_byte(out, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"' || *name == '\\') {
            strbuf_add_byte(out, '\\');
        }
        strbuf_add_byte(out, *name);
    }
    strbuf_add_byte(out, '"');
}

static void write_name(struct strbuf *out, const char *plain)
{
    if (is_token(plain)) {
        strbuf_add_text(out, plain);
    } else {
        write_quoted(out, plain);
    }
}

/* With '_' for each character that no header holds. True when there was one. */
static bool write_plain(struct strbuf *out, const char *name)
{
    bool lost = false;
    size_t length = strlen(name);
    for (size_t at = 0; at < length;) {
        uint32_t code = 0;
        size_t size = utf8_decode(name + at, length - at, &code);
        bool keeps = size <= 1 && is_plain(name[at]);
        strbuf_add_byte(out, keeps ? name[at] : '_');
        lost = lost || !keeps;
        at += size == 0 ? 1 : size;
    }
    return lost;
}

static void write_whole(struct strbuf *out, const char *name)
{
    strbuf_add_text(out, "; filename*=UTF-8''");
    for (; *name != '\0'; name++) {
        if (is_plain(*name) && is_among(*name, "!#$&+-.^_`|~")) {
            strbuf_add_byte(out, *name);
        } else {
            strbuf_printf(out, "%%%02X", (unsigned)(unsigned char)*name);
        }
    }
}

const char *http_attachment(struct arena *arena, const char *name)
{
    struct strbuf plain;
    struct strbuf out;
    strbuf_init(&plain, 2 * strlen(name) + 1);
    strbuf_init(&out, 8 * strlen(name) + 64);
    bool lost = write_plain(&plain, name);
    strbuf_add_text(&out, "attachment; filename=");
    write_name(&out, plain.length == 0 ? "" : plain.data);
    if (lost) {
        write_whole(&out, name);
    }
    const char *text = arena_strdup(arena, out.data);
    strbuf_clear(&out);
    strbuf_clear(&plain);
    return text;
}
