/* SPDX-License-Identifier: Apache-2.0 */
#include "store/python_quote.h"

#include "store/python_json.h"

#include <math.h>
#include <string.h>

static void add_byte(struct strbuf *out, char c, char quote)
{
    static const char named[] = "\n\r\t";
    static const char letters[] = "nrt";
    const char *known = c == '\0' ? NULL : strchr(named, c);
    if (known != NULL) {
        strbuf_printf(out, "\\%c", letters[known - named]);
    } else if (c == quote || c == '\\') {
        strbuf_printf(out, "\\%c", c);
    } else if ((unsigned char)c < 0x20 || c == 0x7f) {
        strbuf_printf(out, "\\x%02x", (unsigned)(unsigned char)c);
    } else {
        strbuf_add_byte(out, c);
    }
}

void python_quote(struct strbuf *out, struct str text)
{
    bool has_single = str_find_byte(text, '\'', 0) >= 0;
    bool has_double = str_find_byte(text, '"', 0) >= 0;
    char quote = has_single && !has_double ? '"' : '\'';
    strbuf_add_byte(out, quote);
    for (size_t i = 0; i < text.n; i++) {
        add_byte(out, text.p[i], quote);
    }
    strbuf_add_byte(out, quote);
}

void python_number(struct strbuf *out, double value)
{
    if (isnan(value)) {
        strbuf_add_text(out, "nan");
    } else if (isinf(value)) {
        strbuf_add_text(out, value > 0 ? "inf" : "-inf");
    } else {
        python_json_write_number(out, value);
    }
}

static void add_items(struct strbuf *out, const struct json *array)
{
    strbuf_add_byte(out, '[');
    for (size_t i = 0; i < array->u.array.count; i++) {
        strbuf_add_text(out, i == 0 ? "" : ", ");
        python_repr(out, &array->u.array.items[i]);
    }
    strbuf_add_byte(out, ']');
}

static void add_members(struct strbuf *out, const struct json *object)
{
    strbuf_add_byte(out, '{');
    for (size_t i = 0; i < object->u.object.count; i++) {
        strbuf_add_text(out, i == 0 ? "" : ", ");
        python_quote(out, object->u.object.members[i].key);
        strbuf_add_text(out, ": ");
        python_repr(out, &object->u.object.members[i].value);
    }
    strbuf_add_byte(out, '}');
}

void python_repr(struct strbuf *out, const struct json *value)
{
    switch (value->type) {
    case JSON_NULL:
        strbuf_add_text(out, "None");
        break;
    case JSON_BOOL:
        strbuf_add_text(out, value->u.boolean ? "True" : "False");
        break;
    case JSON_INT:
        strbuf_printf(out, "%lld", (long long)value->u.integer);
        break;
    case JSON_NUMBER:
        python_number(out, value->u.number);
        break;
    case JSON_STRING:
        python_quote(out, value->u.string);
        break;
    case JSON_ARRAY:
        add_items(out, value);
        break;
    case JSON_OBJECT:
        add_members(out, value);
        break;
    }
}
