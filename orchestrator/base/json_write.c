/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "base/mem.h"
#include "base/number_text.h"
#include "base/utf8.h"

#include <math.h>
#include <stdlib.h>

enum style { STYLE_COMPACT, STYLE_CANONICAL, STYLE_PRETTY };

/* ASCII that stands for itself in a JSON string: most of what is written. */
#define PLAIN_16 true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, true
static const bool is_plain[256] = {
    [0x20] = true, true, false, true, true, true, true, true, true, true, true, true, true, true, true, true,
    [0x30] = PLAIN_16,
    [0x40] = PLAIN_16,
    [0x50] = true, true, true, true, true, true, true, true, true, true, true, true, false, true, true, true,
    [0x60] = PLAIN_16,
    [0x70] = true, true, true, true, true, true, true, true, true, true, true, true, true, true, true, false,
};

/* Where the first byte that is not plain stands: eight are looked at together. A byte that is not sets its highest bit
 * in one of the terms; what it borrows may set that of the next, which is looked at by itself then. */
static size_t plain_until(struct str text, size_t from)
{
    static const uint64_t each = UINT64_C(0x0101010101010101);
    size_t i = from;
    while (text.n - i >= sizeof(uint64_t)) {
        uint64_t bytes = 0;
        memcpy(&bytes, text.p + i, sizeof bytes);
        uint64_t odd = (bytes - each * 0x20) | ((bytes ^ each * '"') - each) | ((bytes ^ each * '\\') - each) |
                       (bytes + each) | bytes;
        if ((odd & each * 0x80) != 0) {
            break;
        }
        i += sizeof bytes;
    }
    while (i < text.n && is_plain[(unsigned char)text.p[i]]) {
        i++;
    }
    return i;
}

void json_write_string(struct strbuf *out, struct str text)
{
    static const char hex[] = "0123456789abcdef";
    strbuf_add_byte(out, '"');
    size_t plain = 0; /* start of the bytes that go out as they are */
    for (size_t i = 0; i < text.n;) {
        i = plain_until(text, i);
        if (i == text.n) {
            break;
        }
        unsigned char c = (unsigned char)text.p[i];
        uint32_t code = c;
        size_t length = c < 0x80 ? 1 : utf8_decode(text.p + i, text.n - i, &code);
        bool as_is = length > 0 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
        if (as_is) {
            i += length;
            continue;
        }
        strbuf_add(out, text.p + plain, i - plain);
        const char *short_form = c == '"'    ? "\\\""
                                 : c == '\\' ? "\\\\"
                                 : c == '\n' ? "\\n"
                                 : c == '\t' ? "\\t"
                                 : c == '\r' ? "\\r"
                                             : NULL;
        if (short_form != NULL) {
            strbuf_add_text(out, short_form);
        } else if (length == 0) {
            strbuf_add_text(out, "\xef\xbf\xbd");
        } else {
            char escape[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
            strbuf_add(out, escape, sizeof escape);
        }
        plain = ++i;
    }
    if (plain < text.n) { /* the zero view has no address to add to */
        strbuf_add(out, text.p + plain, text.n - plain);
    }
    strbuf_add_byte(out, '"');
}

void json_write_double(struct strbuf *out, double value)
{
    if (isnan(value)) {
        strbuf_add_text(out, "\"NaN\"");
        return;
    }
    if (isinf(value)) {
        strbuf_add_text(out, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
    }
    char room[NUMBER_TEXT_MAX + 2];
    size_t length = number_text_double(value, room);
    /* "1e5" and "5" would read back as they are; a double keeps a sign of being one. */
    if (memchr(room, '.', length) == NULL && memchr(room, 'e', length) == NULL) {
        memcpy(room + length, ".0", 2);
        length += 2;
    }
    strbuf_add(out, room, length);
}

void json_write_int(struct strbuf *out, int64_t value)
{
    char room[NUMBER_TEXT_MAX];
    strbuf_add(out, room, number_text_int(value, room));
}

static void indent(struct strbuf *out, enum style style, int depth)
{
    if (style != STYLE_PRETTY) {
        return;
    }
    strbuf_add_byte(out, '\n');
    for (int i = 0; i < depth; i++) {
        strbuf_add_text(out, "  ");
    }
}

static int by_key(const void *a, const void *b)
{
    const struct json_member *const *x = a;
    const struct json_member *const *y = b;
    return str_cmp((*x)->key, (*y)->key);
}

static void write_value(struct strbuf *out, const struct json *value, enum style style, int depth);

static const struct json_member **sorted(const struct json *object)
{
    size_t count = object->u.object.count;
    const struct json_member **order = mem_array(count, sizeof *order);
    for (size_t i = 0; i < count; i++) {
        order[i] = &object->u.object.members[i];
    }
    qsort(order, count, sizeof *order, by_key);
    return order;
}

static void write_object(struct strbuf *out, const struct json *value, enum style style, int depth)
{
    size_t count = value->u.object.count;
    const struct json_member **order = style == STYLE_CANONICAL ? sorted(value) : NULL;
    strbuf_add_byte(out, '{');
    for (size_t i = 0; i < count; i++) {
        const struct json_member *member = order == NULL ? &value->u.object.members[i] : order[i];
        if (i > 0) {
            strbuf_add_byte(out, ',');
        }
        indent(out, style, depth + 1);
        json_write_string(out, member->key);
        strbuf_add_text(out, style == STYLE_PRETTY ? ": " : ":");
        write_value(out, &member->value, style, depth + 1);
    }
    if (count > 0) {
        indent(out, style, depth);
    }
    strbuf_add_byte(out, '}');
    free(order);
}

static void write_array(struct strbuf *out, const struct json *value, enum style style, int depth)
{
    strbuf_add_byte(out, '[');
    for (size_t i = 0; i < value->u.array.count; i++) {
        if (i > 0) {
            strbuf_add_byte(out, ',');
        }
        indent(out, style, depth + 1);
        write_value(out, &value->u.array.items[i], style, depth + 1);
    }
    if (value->u.array.count > 0) {
        indent(out, style, depth);
    }
    strbuf_add_byte(out, ']');
}

static void write_value(struct strbuf *out, const struct json *value, enum style style, int depth)
{
    switch (value->type) {
    case JSON_NULL:
        strbuf_add_text(out, "null");
        break;
    case JSON_BOOL:
        strbuf_add_text(out, value->u.boolean ? "true" : "false");
        break;
    case JSON_INT:
        json_write_int(out, value->u.integer);
        break;
    case JSON_NUMBER:
        json_write_double(out, value->u.number);
        break;
    case JSON_STRING:
        json_write_string(out, value->u.string);
        break;
    case JSON_ARRAY:
        write_array(out, value, style, depth);
        break;
    case JSON_OBJECT:
        write_object(out, value, style, depth);
        break;
    }
}

void json_write(struct strbuf *out, const struct json *value)
{
    write_value(out, value, STYLE_COMPACT, 0);
}

void json_write_canonical(struct strbuf *out, const struct json *value)
{
    write_value(out, value, STYLE_CANONICAL, 0);
}

void json_write_pretty(struct strbuf *out, const struct json *value)
{
    write_value(out, value, STYLE_PRETTY, 0);
}

struct str json_text(struct arena *arena, const struct json *value)
{
    struct strbuf text;
    strbuf_init(&text, (size_t)1 << 30);
    json_write(&text, value);
    struct str copy = arena_str(arena, strbuf_str(&text));
    strbuf_clear(&text);
    return copy;
}
