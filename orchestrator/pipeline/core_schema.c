/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/core_schema.h"

#include "base/parse.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits_from(struct str text, size_t at)
{
    while (at < text.n && is_digit(text.p[at])) {
        at++;
    }
    return at;
}

static size_t sign_length(struct str text, size_t at)
{
    return at < text.n && (text.p[at] == '-' || text.p[at] == '+') ? 1 : 0;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?, and without '.' and 'e' an integer. */
static bool is_decimal(struct str text, bool *ret_integer)
{
    size_t first = sign_length(text, 0);
    size_t at = digits_from(text, first);
    size_t digits = at - first;
    *ret_integer = at == text.n;
    if (at < text.n && text.p[at] == '.') {
        size_t point = at;
        at = digits_from(text, at + 1);
        digits += at - point - 1;
    }
    if (digits == 0) {
        return false;
    }
    if (at < text.n && (text.p[at] == 'e' || text.p[at] == 'E')) {
        size_t exponent = at + 1 + sign_length(text, at + 1);
        at = digits_from(text, exponent);
        return at > exponent && at == text.n;
    }
    return at == text.n;
}

static int hex_value(char c)
{
    char lower = (char)(c | 0x20);
    return is_digit(c) ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
}

/* 0o[0-7]+ or 0x[0-9a-fA-F]+ */
static bool is_based(struct str text, struct json *ret)
{
    int base = str_starts(text, STR("0x")) ? 16 : str_starts(text, STR("0o")) ? 8 : 0;
    if (base == 0 || text.n < 3) {
        return false;
    }
    int64_t whole = 0;
    double number = 0;
    bool fits = true;
    for (size_t i = 2; i < text.n; i++) {
        int digit = hex_value(text.p[i]);
        if (digit >= base) {
            return false;
        }
        fits = fits && whole <= (INT64_MAX - digit) / base;
        whole = fits ? whole * base + digit : 0;
        number = number * base + digit;
    }
    *ret = fits ? json_int(whole) : json_number(number);
    return true;
}

static bool is_among(struct str text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (str_is(text, *words)) {
            return true;
        }
    }
    return false;
}

/* [-+]?(\.inf|\.Inf|\.INF) | \.nan|\.NaN|\.NAN */
static bool is_infinity_or_nan(struct str text)
{
    static const char *const infinities[] = {".inf", ".Inf", ".INF", NULL};
    static const char *const nans[] = {".nan", ".NaN", ".NAN", NULL};
    return is_among(str_slice(text, sign_length(text, 0), text.n), infinities) || is_among(text, nans);
}

struct json core_schema_value(struct str text, bool *ret_not_finite)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    struct json value = {.type = JSON_STRING, .u.string = text};
    bool integer = false;
    int64_t whole = 0;
    double number = 0;
    *ret_not_finite = false;
    if (text.n > 0 && strchr("~nNtf+-.0123456789", text.p[0]) == NULL) { /* most are words that begin otherwise */
        return value;
    }
    if (is_among(text, nulls)) {
        return json_null();
    }
    if (str_is(text, "true") || str_is(text, "false")) {
        return json_bool(text.p[0] == 't');
    }
    if (is_decimal(text, &integer)) {
        if (integer && parse_int(text, INT64_MIN, INT64_MAX, &whole, NULL) == 0) {
            return json_int(whole);
        }
        if (parse_number(text, &number, NULL) == 0) {
            return json_number(number);
        }
        *ret_not_finite = true;
    } else if (!is_based(text, &value)) {
        *ret_not_finite = is_infinity_or_nan(text);
    }
    return value;
}
