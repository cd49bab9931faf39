/* SPDX-License-Identifier: Apache-2.0 */
#include "store/key_rules.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "store/word_table.h"

#include <string.h>

struct str value_cut(const char *value, size_t characters)
{
    struct str text = str_from(value == NULL ? "" : value);
    size_t at = 0;
    if (text.n <= characters) {
        return text; /* no character is shorter than a byte */
    }
    for (size_t n = 0; n < characters && at < text.n; n++) {
        uint32_t code = 0;
        size_t length = utf8_decode(text.p + at, text.n - at, &code);
        at += length == 0 ? 1 : length;
    }
    return str_slice(text, 0, at);
}

int value_check_length(const char *what, const char *value, size_t characters, struct err *err)
{
    if (value_cut(value, characters).n == str_from(value).n) {
        return 0;
    }
    return err_set(err, ERR_INPUT, "'%s' exceeds the maximum length of %zu characters", what, characters);
}

static bool is_ascii_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool has_only_key_characters(struct str key)
{
    for (size_t at = 0; at < key.n;) {
        uint32_t code = 0;
        if (is_ascii_word(key.p[at])) { /* nearly all of nearly all keys */
            at++;
            continue;
        }
        size_t length = utf8_decode(key.p + at, key.n - at, &code);
        bool punctuation = length == 1 && memchr("/_.- :", (int)code, 6) != NULL;
        if (length == 0 || !(punctuation || word_table_has(code))) {
            return false;
        }
        at += length;
    }
    return true;
}

/* Keys may become file names: two that name one file are refused. */
static bool is_normal_path(struct str key)
{
    struct str rest = key;
    struct str part;
    while (str_cut(&rest, '/', &part)) {
        if (part.n == 0 || str_is(part, ".") || str_is(part, "..")) {
            return false;
        }
    }
    return key.n > 0 && !str_starts(key, STR(".."));
}

/* As JSON in ASCII: what cannot be seen is seen. */
static void write_ascii(struct strbuf *out, struct str value)
{
    struct strbuf json;
    strbuf_init(&json, 8 * KEY_CHARACTERS_MAX);
    json_write_string(&json, value);
    for (size_t at = 0; at < json.length;) {
        uint32_t code = 0;
        at += utf8_decode(json.data + at, json.length - at, &code);
        if (code < 0x80) {
            strbuf_add_byte(out, (char)code);
        } else if (code < 0x10000) {
            strbuf_printf(out, "\\u%04x", (unsigned)code);
        } else {
            strbuf_printf(out, "\\u%04x\\u%04x", (unsigned)(0xd7c0 + (code >> 10)),
                          (unsigned)(0xdc00 | (code & 0x3ff)));
        }
    }
    strbuf_clear(&json);
}

int value_refuse(const char *parameter, const char *value, const char *why, struct err *err)
{
    struct strbuf quoted;
    strbuf_init(&quoted, 16 * KEY_CHARACTERS_MAX);
    write_ascii(&quoted, value_cut(value, KEY_CHARACTERS_MAX));
    (void)err_set(err, ERR_INPUT, "Invalid value %s for parameter '%s' supplied%s%s", quoted.data, parameter,
                  why == NULL ? "." : ": ", why == NULL ? "" : why);
    strbuf_clear(&quoted);
    return -1;
}

int key_check(const char *parameter, const char *key, struct err *err)
{
    struct str text = str_from(key);
    if (!has_only_key_characters(text)) {
        return value_refuse(parameter, key,
                            "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces "
                            "( ), colon(:) and slashes (/).",
                            err);
    }
    return key_check_path(parameter, key, err);
}

int key_check_path(const char *parameter, const char *key, struct err *err)
{
    struct str text = str_from(key);
    if (is_normal_path(text)) {
        return 0;
    }
    struct arena *arena = arena_new();
    const char *normal = path_normal(arena, text.n == 0 ? "" : text.p);
    const char *why = arena_printf(arena,
                                   "Names may be treated as files in certain cases, and must not resolve to other "
                                   "names when treated as such. This name would resolve to '%.*s'",
                                   (int)value_cut(normal, KEY_CHARACTERS_MAX).n, normal);
    (void)value_refuse(parameter, key, why, err);
    arena_free(arena);
    return -1;
}

int key_check_whole(const char *parameter, const char *what, const char *key, struct err *err)
{
    return key_check(parameter, key, err) < 0 ? -1 : value_check_length(what, key, KEY_CHARACTERS_MAX, err);
}
