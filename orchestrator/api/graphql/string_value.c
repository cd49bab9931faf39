/* SPDX-License-Identifier: Apache-2.0 */
#include "api/graphql/string_value.h"

#include "base/utf8.h"

#include <stdbool.h>

/* The value is never longer than what is written. */
struct reader {
    struct str text;
    size_t at;
    char *out;
    size_t count;
    const char *wrong;
};

static bool fail(struct reader *r, const char *wrong)
{
    r->wrong = wrong;
    return false;
}

static void put_code(struct reader *r, uint32_t code)
{
    r->count += utf8_encode(code, r->out + r->count);
}

/* ---- escapes ---------------------------------------------------------------------------------------------------- */

static bool read_hex(struct reader *r, size_t digits, uint32_t *ret)
{
    *ret = 0;
    for (size_t i = 0; i < digits; i++, r->at++) {
        char c = r->at < r->text.n ? r->text.p[r->at] : '\0';
        char low = (char)(c | 0x20);
        bool letter = low >= 'a' && low <= 'f';
        if (!letter && !(c >= '0' && c <= '9')) {
            return fail(r, "Invalid Unicode escape sequence.");
        }
        *ret = *ret * 16 + (uint32_t)(letter ? low - 'a' + 10 : c - '0');
    }
    return true;
}

/* \u{1F600} */
static bool read_braced(struct reader *r, uint32_t *ret)
{
    size_t digits = 0;
    r->at++;
    while (r->at + digits < r->text.n && r->text.p[r->at + digits] != '}' && digits <= 6) {
        digits++;
    }
    if (digits == 0 || digits > 6 || !read_hex(r, digits, ret) || r->at >= r->text.n) {
        return fail(r, "Invalid Unicode escape sequence.");
    }
    r->at++;
    return true;
}

static bool read_unicode(struct reader *r)
{
    uint32_t code, low;
    if (r->at < r->text.n && r->text.p[r->at] == '{') {
        if (!read_braced(r, &code)) {
            return false;
        }
    } else if (!read_hex(r, 4, &code)) {
        return false;
    } else if (code >= 0xd800 && code < 0xdc00 && str_starts(str_slice(r->text, r->at, r->text.n), STR("\\u"))) {
        r->at += 2;
        if (!read_hex(r, 4, &low)) {
            return false;
        }
        code = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : code;
    }
    if ((code >= 0xd800 && code < 0xe000) || code > 0x10ffff) {
        return fail(r, "Invalid Unicode escape sequence.");
    }
    put_code(r, code);
    return true;
}

static bool read_escape(struct reader *r)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    char c = r->at + 1 < r->text.n ? r->text.p[r->at + 1] : '\0';
    const char *found = c == '\0' ? NULL : strchr(from, c);
    r->at += 2;
    if (c == 'u') {
        return read_unicode(r);
    }
    if (found == NULL) {
        r->at -= 2;
        return fail(r, "Invalid character escape sequence.");
    }
    r->out[r->count++] = to[found - from];
    return true;
}

static bool read_line(struct reader *r)
{
    for (r->at = 1; r->at < r->text.n; ) {
        char c = r->text.p[r->at];
        if (c == '"') {
            r->at++;
            return true;
        }
        if (c == '\n' || c == '\r') {
            break;
        }
        if (c == '\\') {
            if (!read_escape(r)) {
                return false;
            }
            continue;
        }
        r->out[r->count++] = c;
        r->at++;
    }
    return fail(r, "Unterminated string.");
}

/* ---- blocks ----------------------------------------------------------------------------------------------------- */

/* What stands between the quotes, with each end of a line as '\n'. */
static bool read_block(struct reader *r)
{
    for (r->at = 3; r->at < r->text.n; ) {
        struct str rest = str_slice(r->text, r->at, r->text.n);
        if (str_starts(rest, STR("\"\"\""))) {
            r->at += 3;
            return true;
        }
        if (str_starts(rest, STR("\\\"\"\""))) {
            memcpy(r->out + r->count, "\"\"\"", 3);
            r->count += 3;
            r->at += 4;
            continue;
        }
        bool crlf = str_starts(rest, STR("\r\n"));
        r->out[r->count++] = rest.p[0] == '\r' ? '\n' : rest.p[0];
        r->at += crlf ? 2 : 1;
    }
    return fail(r, "Unterminated string.");
}

static size_t indent_of(struct str line)
{
    size_t n = 0;
    while (n < line.n && (line.p[n] == ' ' || line.p[n] == '\t')) {
        n++;
    }
    return n;
}

/* In place: the indentation that all lines but the first share is taken off, and blank lines at both ends. */
static void take_indent_off(struct reader *r)
{
    struct str text = {r->out, r->count};
    struct str rest = text;
    struct str line;
    size_t shared = SIZE_MAX;
    size_t first = SIZE_MAX;
    size_t last = 0;
    for (size_t i = 0; str_cut(&rest, '\n', &line); i++) {
        size_t indent = indent_of(line);
        if (indent == line.n) {
            continue;
        }
        shared = i > 0 && indent < shared ? indent : shared;
        first = first == SIZE_MAX ? i : first;
        last = i;
    }
    char *to = r->out;
    rest = text;
    for (size_t i = 0; str_cut(&rest, '\n', &line); i++) {
        if (first == SIZE_MAX || i < first || i > last) {
            continue;
        }
        size_t off = i == 0 || shared == SIZE_MAX ? 0 : shared > line.n ? line.n : shared;
        if (i > first) {
            *to++ = '\n';
        }
        memmove(to, line.p + off, line.n - off);
        to += line.n - off;
    }
    r->count = (size_t)(to - r->out);
}

/* Up to its end, or to that of the text: what is made of it is not longer. */
static size_t written_bytes(struct str text, bool block)
{
    size_t at = block ? 3 : 1;
    while (at < text.n) {
        struct str rest = str_slice(text, at, text.n);
        if (block ? str_starts(rest, STR("\"\"\"")) : rest.p[0] == '"' || rest.p[0] == '\n') {
            break;
        }
        size_t step = rest.p[0] != '\\' ? 1 : block && str_starts(rest, STR("\\\"\"\"")) ? 4 : block ? 1 : 2;
        at += step;
    }
    return at < text.n ? at : text.n;
}

size_t graphql_string_value(struct str text, struct arena *arena, struct str *ret, const char **ret_wrong)
{
    bool block = str_starts(text, STR("\"\"\""));
    struct reader r = {.text = text, .out = arena_array(arena, written_bytes(text, block) + 1, 1)};
    bool good = block ? read_block(&r) : read_line(&r);
    if (good && block) {
        take_indent_off(&r);
    }
    *ret_wrong = r.wrong;
    if (good) {
        r.out[r.count] = '\0';
        *ret = (struct str){r.out, r.count};
    }
    return r.at;
}
