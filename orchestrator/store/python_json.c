/* SPDX-License-Identifier: Apache-2.0 */
#include "store/python_json.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MAX = 17, EXPONENT_FROM = 16 };

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

/* The fewest digits that read back the same, and the power of ten of the first: 12.5 is "125" and 1. */
static int shortest_digits(double value, char digits[DIGITS_MAX + 1])
{
    char room[40];
    for (int places = 0; places < DIGITS_MAX; places++) {
        (void)snprintf(room, sizeof room, "%.*e", places, value);
        if (strtod(room, NULL) == value) {
            break;
        }
    }
    const char *exponent = strchr(room, 'e');
    size_t count = 0;
    for (const char *p = room; p < exponent; p++) {
        if (*p >= '0' && *p <= '9') {
            digits[count++] = *p;
        }
    }
    digits[count] = '\0';
    return (int)strtol(exponent + 1, NULL, 10);
}

static void write_plain(struct strbuf *out, const char *digits, int exponent)
{
    int count = (int)strlen(digits);
    if (exponent < 0) {
        strbuf_printf(out, "0.%.*s%s", -exponent - 1, "0000", digits);
    } else if (count <= exponent + 1) {
        strbuf_printf(out, "%s%.*s.0", digits, exponent + 1 - count, "0000000000000000");
    } else {
        strbuf_printf(out, "%.*s.%s", exponent + 1, digits, digits + exponent + 1);
    }
}

void python_json_write_number(struct strbuf *out, double value)
{
    char digits[DIGITS_MAX + 1];
    if (isnan(value)) {
        strbuf_add_text(out, "NaN");
        return;
    }
    if (isinf(value)) {
        strbuf_add_text(out, value > 0 ? "Infinity" : "-Infinity");
        return;
    }
    int exponent = shortest_digits(fabs(value), digits);
    if (signbit(value)) {
        strbuf_add_byte(out, '-');
    }
    if (exponent >= -4 && exponent < EXPONENT_FROM) {
        write_plain(out, digits, exponent);
    } else {
        strbuf_printf(out, "%c%s%se%c%02d", digits[0], digits[1] == '\0' ? "" : ".", digits + 1,
                      exponent < 0 ? '-' : '+', abs(exponent));
    }
}

/* ---- texts ------------------------------------------------------------------------------------------------------ */

static void write_code(struct strbuf *out, uint32_t code)
{
    static const char named[] = "\"\\\n\r\t\f\b";
    static const char letters[] = "\"\\nrtfb";
    const char *known = code == 0 || code > 0x7f ? NULL : strchr(named, (int)code);
    if (known != NULL) {
        strbuf_printf(out, "\\%c", letters[known - named]);
    } else if (code >= 0x20 && code < 0x7f) {
        strbuf_add_byte(out, (char)code);
    } else if (code < 0x10000) {
        strbuf_printf(out, "\\u%04x", code);
    } else {
        code -= 0x10000;
        strbuf_printf(out, "\\u%04x\\u%04x", 0xd800 + (code >> 10), 0xdc00 + (code & 0x3ff));
    }
}

static bool is_plain(char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void python_json_write_string(struct strbuf *out, struct str text)
{
    strbuf_add_byte(out, '"');
    for (size_t i = 0; i < text.n;) {
        size_t plain = i;
        while (i < text.n && is_plain(text.p[i])) {
            i++;
        }
        if (i > plain) {
            strbuf_add(out, text.p + plain, i - plain);
        }
        if (i < text.n) {
            uint32_t code = (unsigned char)text.p[i];
            size_t length = code < 0x80 ? 1 : utf8_decode(text.p + i, text.n - i, &code);
            write_code(out, length == 0 ? 0xfffd : code);
            i += length == 0 ? 1 : length;
        }
    }
    strbuf_add_byte(out, '"');
}

/* ---- trees ------------------------------------------------------------------------------------------------------ */

static int compare_members(const void *a, const void *b)
{
    const struct json_member *const *one = a;
    const struct json_member *const *other = b;
    return str_cmp((*one)->key, (*other)->key); /* bytes of UTF-8 have the order of code points */
}

static void write_object(struct strbuf *out, const struct json *object, bool sorted)
{
    size_t count = object->u.object.count;
    const struct json_member **order = mem_array(count + 1, sizeof *order);
    for (size_t i = 0; i < count; i++) {
        order[i] = &object->u.object.members[i];
    }
    if (sorted) {
        qsort(order, count, sizeof *order, compare_members);
    }
    strbuf_add_byte(out, '{');
    for (size_t i = 0; i < count; i++) {
        strbuf_add_text(out, i == 0 ? "" : ", ");
        python_json_write_string(out, order[i]->key);
        strbuf_add_text(out, ": ");
        python_json_write(out, &order[i]->value, sorted);
    }
    strbuf_add_byte(out, '}');
    free(order);
}

void python_json_write(struct strbuf *out, const struct json *value, bool sorted)
{
    switch (value->type) {
    case JSON_NULL:
        strbuf_add_text(out, "null");
        break;
    case JSON_BOOL:
        strbuf_add_text(out, value->u.boolean ? "true" : "false");
        break;
    case JSON_INT:
        strbuf_printf(out, "%lld", (long long)value->u.integer);
        break;
    case JSON_NUMBER:
        python_json_write_number(out, value->u.number);
        break;
    case JSON_STRING:
        python_json_write_string(out, value->u.string);
        break;
    case JSON_ARRAY:
        strbuf_add_byte(out, '[');
        for (size_t i = 0; i < value->u.array.count; i++) {
            strbuf_add_text(out, i == 0 ? "" : ", ");
            python_json_write(out, &value->u.array.items[i], sorted);
        }
        strbuf_add_byte(out, ']');
        break;
    case JSON_OBJECT:
        write_object(out, value, sorted);
        break;
    }
}

struct str python_json_text(struct arena *arena, const struct json *value, bool sorted)
{
    struct strbuf out;
    strbuf_init(&out, SIZE_MAX / 2);
    python_json_write(&out, value, sorted);
    struct str text = arena_str(arena, strbuf_str(&out));
    strbuf_clear(&out);
    return text;
}
