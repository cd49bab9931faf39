/* SPDX-License-Identifier: Apache-2.0
 * A strict, bounded RFC 8259 reader. Recursion is bounded by limits.depth.
 */
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEFAULT_DEPTH = 64, DEFAULT_VALUES = 10000000, FEW_KEYS = 16, NUMBER_MAX_BYTES = 400 };

struct reader {
    const char *p;
    const char *end;
    const char *begin;
    size_t depth;
    size_t values;
    bool not_finite; /* takes NaN and the infinities */
    bool in_place;   /* strings are ended where they stand, if they need no decoding */
    struct arena *arena;
    struct err *err;
};

static int fail_at(struct reader *r, const char *at, const char *expected)
{
    int line = 1;
    const char *start = r->begin;
    for (const char *c = r->begin; c < at; c++) {
        if (*c == '\n') {
            line++;
            start = c + 1;
        }
    }
    char found[16] = "the end";
    if (at < r->end) {
        unsigned char c = (unsigned char)*at;
        (void)snprintf(found, sizeof found, c >= 0x20 && c < 0x7f ? "'%c'" : "byte 0x%02x", c);
    }
    return err_set(r->err, ERR_INPUT, "JSON, line %d, column %d: expected %s, found %s", line, (int)(at - start) + 1,
                   expected, found);
}

static void skip_blank(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r')) {
        r->p++;
    }
}

static int read_value(struct reader *r, struct json *ret);

/* ---- strings --------------------------------------------------------------------------------------- */

static int read_hex4(struct reader *r, uint32_t *ret)
{
    *ret = 0;
    for (int i = 0; i < 4; i++, r->p++) {
        char c = r->p < r->end ? *r->p : '\0';
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit == 16) {
            return fail_at(r, r->p, "four hexadecimal digits");
        }
        *ret = *ret * 16 + digit;
    }
    return 0;
}

static int read_unicode(struct reader *r, char **out)
{
    uint32_t code = 0;
    uint32_t low = 0;
    const char *at = r->p;
    if (read_hex4(r, &code) < 0) {
        return -1;
    }
    if (code >= 0xdc00 && code < 0xe000) {
        return fail_at(r, at, "no lone surrogate");
    }
    if (code >= 0xd800 && code < 0xdc00) {
        if (r->end - r->p < 2 || r->p[0] != '\\' || r->p[1] != 'u') {
            return fail_at(r, r->p, "the second half of a surrogate pair");
        }
        r->p += 2;
        if (read_hex4(r, &low) < 0) {
            return -1;
        }
        if (low < 0xdc00 || low >= 0xe000) {
            return fail_at(r, at, "no lone surrogate");
        }
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *out += utf8_encode(code, *out);
    return 0;
}

static int read_escape(struct reader *r, char **out)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    char c = r->p < r->end ? *r->p : '\0';
    if (c == 'u') {
        r->p++;
        return read_unicode(r, out);
    }
    const char *known = c == '\0' ? NULL : strchr(from, c);
    if (known == NULL) {
        return fail_at(r, r->p, "an escape: one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u");
    }
    *(*out)++ = to[known - from];
    r->p++;
    return 0;
}

/* Decodes what stands between the quotes: escapes only make it shorter. */
static int unescape(struct reader *r, struct str raw, struct str *ret)
{
    const char *close = raw.p + raw.n;
    char *room = arena_alloc(r->arena, raw.n + 1);
    char *out = room;
    for (r->p = raw.p; r->p < close;) {
        if (*r->p != '\\') {
            *out++ = *r->p++;
            continue;
        }
        r->p++;
        if (read_escape(r, &out) < 0) {
            return -1;
        }
    }
    *ret = (struct str){room, (size_t)(out - room)};
    return 0;
}

/* What needs no decoding. */
static struct str take_raw(struct reader *r, struct str raw)
{
    if (!r->in_place) {
        return arena_str(r->arena, raw);
    }
    ((char *)(uintptr_t)raw.p)[raw.n] = '\0'; /* where the quote was */
    return raw;
}

/* r->p stands behind the opening quote. */
static int read_string(struct reader *r, struct str *ret)
{
    const char *start = r->p;
    bool escaped = false;
    bool ascii = true;
    while (r->p < r->end && *r->p != '"') {
        unsigned char c = (unsigned char)*r->p;
        if (c < 0x20) {
            return fail_at(r, r->p, "no control character in a string");
        }
        ascii = ascii && c < 0x80;
        escaped = escaped || c == '\\';
        r->p += c == '\\' && r->end - r->p > 1 ? 2 : 1;
    }
    if (r->p >= r->end) {
        return fail_at(r, r->end, "'\"' that ends the string");
    }
    struct str raw = {start, (size_t)(r->p - start)};
    const char *close = r->p;
    if (!ascii && !utf8_valid(raw)) {
        return fail_at(r, start, "valid UTF-8");
    }
    if (!escaped) {
        *ret = take_raw(r, raw);
    } else if (unescape(r, raw, ret) < 0) {
        return -1;
    }
    r->p = close + 1;
    return 0;
}

/* ---- numbers ---------------------------------------------------------------------------------------- */

enum { EXACT_DIGITS = 19, EXACT_POWER = 22 };

/* value * 10^power; `exact` while all digits are in the value. */
struct decimal {
    uint64_t value;
    int64_t power;
    int64_t digits;
    bool exact;
};

static bool is_digit(const struct reader *r)
{
    return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

static int read_digits(struct reader *r, struct decimal *d)
{
    const char *p = r->p;
    uint64_t value = d->value;
    if (!is_digit(r)) {
        return fail_at(r, r->p, "a digit");
    }
    while (value == 0 && p < r->end && *p == '0') {
        p++;
    }
    const char *first = p; /* that tells in the value */
    for (; p < r->end && *p >= '0' && *p <= '9'; p++) {
        value = value * 10 + (uint64_t)(*p - '0');
    }
    d->digits += p - first;
    d->exact = d->exact && d->digits <= EXACT_DIGITS; /* else the value is of no use */
    d->value = value;
    r->p = p;
    return 0;
}

static int read_exponent(struct reader *r, struct decimal *d)
{
    struct decimal power = {.exact = true};
    r->p++;
    bool negative = r->p < r->end && *r->p == '-';
    r->p += r->p < r->end && (*r->p == '+' || *r->p == '-') ? 1 : 0;
    if (read_digits(r, &power) < 0) {
        return -1;
    }
    if (power.digits > 4) {
        d->exact = false;
        return 0;
    }
    d->power += negative ? -(int64_t)power.value : (int64_t)power.value;
    return 0;
}

static int read_fraction(struct reader *r, struct decimal *d)
{
    r->p++;
    const char *start = r->p;
    if (read_digits(r, d) < 0) {
        return -1;
    }
    d->power -= r->p - start;
    return 0;
}

/* -1: it is none, or "-0", which is the double. */
static int to_integer(const struct decimal *d, bool negative, int64_t *ret)
{
    if (!d->exact || d->value > (uint64_t)INT64_MAX + (negative ? 1 : 0) || (negative && d->value == 0)) {
        return -1;
    }
    *ret = negative ? (int64_t)(0 - d->value) : (int64_t)d->value;
    return 0;
}

/* Both the value and the power of ten are doubles, and one operation rounds once (Clinger, 1990). */
static bool to_double(const struct decimal *d, bool negative, double *ret)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (!d->exact || d->value > UINT64_C(1) << 53 || d->power > EXACT_POWER || d->power < -EXACT_POWER) {
        return false;
    }
    double value = (double)d->value;
    value = d->power < 0 ? value / powers[-d->power] : value * powers[d->power];
    *ret = negative ? -value : value;
    return true;
}

static int convert(struct reader *r, struct str text, double *ret)
{
    char room[NUMBER_MAX_BYTES + 1];
    if (text.n > NUMBER_MAX_BYTES) {
        return fail_at(r, text.p, "a number of at most 400 digits");
    }
    memcpy(room, text.p, text.n);
    room[text.n] = '\0';
    *ret = strtod(room, NULL);
    return isinf(*ret) ? fail_at(r, text.p, "a number within the range of a double") : 0;
}

static int read_number(struct reader *r, struct json *ret)
{
    const char *start = r->p;
    struct decimal d = {.exact = true};
    bool integer = true;
    bool negative = *r->p == '-';
    r->p += negative ? 1 : 0;
    bool zero = r->p < r->end && *r->p == '0';
    if (read_digits(r, &d) < 0) {
        return -1;
    }
    if (zero && r->p - start > (negative ? 2 : 1)) {
        r->p = start + (negative ? 2 : 1);
        return fail_at(r, r->p, "no digit after a leading 0");
    }
    if (r->p < r->end && *r->p == '.') {
        integer = false;
        if (read_fraction(r, &d) < 0) {
            return -1;
        }
    }
    if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
        integer = false;
        if (read_exponent(r, &d) < 0) {
            return -1;
        }
    }
    int64_t whole = 0;
    double value = 0;
    if (integer && to_integer(&d, negative, &whole) == 0) {
        *ret = json_int(whole);
        return 0;
    }
    if (!to_double(&d, negative, &value) && convert(r, (struct str){start, (size_t)(r->p - start)}, &value) < 0) {
        return -1;
    }
    *ret = json_number(value);
    return 0;
}

/* ---- containers -------------------------------------------------------------------------------------- */

/* Duplicate keys: by comparing while there are few, by an open hash table of member indexes when there are many. */
struct key_set {
    size_t *slots; /* index + 1; 0: free */
    size_t size;
};

static size_t hash_key(struct str key)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < key.n; i++) {
        hash = (hash ^ (unsigned char)key.p[i]) * 1099511628211u;
    }
    return (size_t)(hash ^ (hash >> 29));
}

static bool key_set_add(struct key_set *set, const struct json *object, size_t index)
{
    struct str key = object->u.object.members[index].key;
    for (size_t at = hash_key(key) & (set->size - 1);; at = (at + 1) & (set->size - 1)) {
        if (set->slots[at] == 0) {
            set->slots[at] = index + 1;
            return true;
        }
        if (str_eq(object->u.object.members[set->slots[at] - 1].key, key)) {
            return false;
        }
    }
}

/* Adds the last member; false when its key is there already. */
static bool note_key(struct key_set *set, const struct json *object)
{
    size_t count = object->u.object.count;
    if (count <= FEW_KEYS) {
        for (size_t i = 0; i + 1 < count; i++) {
            if (str_eq(object->u.object.members[i].key, object->u.object.members[count - 1].key)) {
                return false;
            }
        }
        return true;
    }
    if (count * 2 > set->size) {
        free(set->slots);
        set->size = set->size == 0 ? 128 : set->size * 4;
        set->slots = mem_array(set->size, sizeof *set->slots);
        for (size_t i = 0; i + 1 < count; i++) {
            (void)key_set_add(set, object, i);
        }
    }
    return key_set_add(set, object, count - 1);
}

static void push_member(struct arena *arena, struct json *object, struct str key)
{
    size_t count = object->u.object.count;
    if (count == 0 || (count >= 4 && (count & (count - 1)) == 0)) {
        struct json_member *wider = arena_array(arena, count == 0 ? 4 : count * 2, sizeof *wider);
        if (count > 0) {
            memcpy(wider, object->u.object.members, count * sizeof *wider);
        }
        object->u.object.members = wider;
    }
    object->u.object.members[object->u.object.count++] = (struct json_member){.key = key};
}

static int read_members(struct reader *r, struct json *object, struct key_set *keys)
{
    for (;;) {
        skip_blank(r);
        const char *at = r->p;
        struct str key;
        if (r->p >= r->end || *r->p != '"') {
            return fail_at(r, r->p, "a key in quotes");
        }
        r->p++;
        if (read_string(r, &key) < 0) {
            return -1;
        }
        push_member(r->arena, object, key);
        if (!note_key(keys, object)) {
            return fail_at(r, at, "each key once");
        }
        skip_blank(r);
        if (r->p >= r->end || *r->p != ':') {
            return fail_at(r, r->p, "':'");
        }
        r->p++;
        struct json value;
        if (read_value(r, &value) < 0) {
            return -1;
        }
        object->u.object.members[object->u.object.count - 1].value = value;
        skip_blank(r);
        if (r->p < r->end && *r->p == ',') {
            r->p++;
            continue;
        }
        if (r->p < r->end && *r->p == '}') {
            r->p++;
            return 0;
        }
        return fail_at(r, r->p, "',' or '}'");
    }
}

static int read_object(struct reader *r, struct json *ret)
{
    *ret = json_object();
    skip_blank(r);
    if (r->p < r->end && *r->p == '}') {
        r->p++;
        return 0;
    }
    struct key_set keys = {0};
    int result = read_members(r, ret, &keys);
    free(keys.slots);
    return result;
}

static int read_array(struct reader *r, struct json *ret)
{
    *ret = json_array();
    skip_blank(r);
    if (r->p < r->end && *r->p == ']') {
        r->p++;
        return 0;
    }
    for (;;) {
        struct json value;
        if (read_value(r, &value) < 0) {
            return -1;
        }
        json_push(r->arena, ret, value);
        skip_blank(r);
        if (r->p < r->end && *r->p == ',') {
            r->p++;
            continue;
        }
        if (r->p < r->end && *r->p == ']') {
            r->p++;
            return 0;
        }
        return fail_at(r, r->p, "',' or ']'");
    }
}

static int read_container(struct reader *r, struct json *ret)
{
    if (r->depth == 0) {
        return fail_at(r, r->p, "fewer levels of lists and maps");
    }
    r->depth--;
    bool object = *r->p++ == '{';
    int result = object ? read_object(r, ret) : read_array(r, ret);
    r->depth++;
    return result;
}

static int read_word(struct reader *r, const char *word, struct json value, struct json *ret)
{
    size_t length = strlen(word);
    if ((size_t)(r->end - r->p) < length || memcmp(r->p, word, length) != 0) {
        return fail_at(r, r->p, "a value");
    }
    r->p += length;
    *ret = value;
    return 0;
}

static int read_not_finite(struct reader *r, struct json *ret)
{
    switch (*r->p) {
    case 'N':
        return read_word(r, "NaN", json_number(NAN), ret);
    case 'I':
        return read_word(r, "Infinity", json_number(INFINITY), ret);
    default:
        return read_word(r, "-Infinity", json_number(-INFINITY), ret);
    }
}

static int read_value(struct reader *r, struct json *ret)
{
    skip_blank(r);
    if (r->p >= r->end) {
        return fail_at(r, r->p, "a value");
    }
    if (r->values == 0) {
        return fail_at(r, r->p, "fewer values");
    }
    r->values--;
    switch (*r->p) {
    case '{':
    case '[':
        return read_container(r, ret);
    case '"':
        r->p++;
        *ret = (struct json){.type = JSON_STRING};
        return read_string(r, &ret->u.string);
    case 't':
        return read_word(r, "true", json_bool(true), ret);
    case 'f':
        return read_word(r, "false", json_bool(false), ret);
    case 'n':
        return read_word(r, "null", json_null(), ret);
    default:
        if (r->not_finite && (*r->p == 'N' || *r->p == 'I' || (*r->p == '-' && r->end - r->p > 1 && r->p[1] == 'I'))) {
            return read_not_finite(r, ret);
        }
        if (*r->p == '-' || is_digit(r)) {
            return read_number(r, ret);
        }
        return fail_at(r, r->p, "a value");
    }
}

static int read_all(struct str text, struct json_limits limits, bool not_finite, struct arena *arena,
                    struct json *ret_value, struct err *err)
{
    if (text.p == NULL) {
        text = STR("");
    }
    struct reader r = {
        .p = text.p,
        .end = text.p + text.n,
        .begin = text.p,
        .depth = limits.depth == 0 ? DEFAULT_DEPTH : limits.depth,
        .values = limits.values == 0 ? DEFAULT_VALUES : limits.values,
        .not_finite = not_finite,
        .in_place = limits.in_place,
        .arena = arena,
        .err = err,
    };
    struct json value;
    if (read_value(&r, &value) < 0) {
        return -1;
    }
    skip_blank(&r);
    if (r.p < r.end) {
        return fail_at(&r, r.p, "nothing after the value");
    }
    *ret_value = value;
    return 0;
}

int json_read(struct str text, struct json_limits limits, struct arena *arena, struct json *ret_value, struct err *err)
{
    return read_all(text, limits, false, arena, ret_value, err);
}

int json_read_metrics(struct str text, struct json_limits limits, struct arena *arena, struct json *ret_value,
                      struct err *err)
{
    return read_all(text, limits, true, arena, ret_value, err);
}
