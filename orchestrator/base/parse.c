/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parse.h"

#include "base/measure_slip.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int parse_int(struct str text, int64_t min, int64_t max, int64_t *ret_value, struct err *err)
{
    size_t at = text.n > 0 && (text.p[0] == '-' || text.p[0] == '+') ? 1 : 0;
    bool negative = at == 1 && text.p[0] == '-';
    uint64_t value = 0;
    bool good = at < text.n;
    for (; good && at < text.n; at++) {
        uint64_t digit = (uint64_t)(unsigned char)text.p[at] - '0';
        good = digit <= 9 && value <= (UINT64_MAX - digit) / 10;
        value = good ? value * 10 + digit : 0;
    }
    good = good && value <= (uint64_t)INT64_MAX + (negative ? 1 : 0);
    int64_t number = negative ? (int64_t)(0 - value) : (int64_t)value;
    if (good && number >= min && number <= max) {
        *ret_value = number;
        return 0;
    }
    if (min == INT64_MIN && max == INT64_MAX) {
        return err_set(err, ERR_INPUT, "expected an integer, found '%.*s'", STR_ARG(text));
    }
    return err_set(err, ERR_INPUT, "expected an integer from %lld to %lld, found '%.*s'", (long long)min,
                   (long long)max, STR_ARG(text));
}

/* Only what strtod takes and people mean: no hexadecimal, no "inf", no blanks. */
static bool looks_decimal(struct str text)
{
    bool digit = false;
    for (size_t i = 0; i < text.n; i++) {
        digit = digit || is_digit(text.p[i]);
        if (!is_digit(text.p[i]) && memchr("+-.eE", text.p[i], 5) == NULL) {
            return false;
        }
    }
    return digit && text.n < 400;
}

/* Too great for a double is infinite. */
static bool read_decimal(struct str text, double *ret)
{
    char room[400];
    char *end = NULL;
    if (!looks_decimal(text)) {
        return false;
    }
    memcpy(room, text.p, text.n);
    room[text.n] = '\0';
    *ret = strtod(room, &end);
    return *end == '\0';
}

int parse_number(struct str text, double *ret_value, struct err *err)
{
    double value = 0;
    if (!read_decimal(text, &value) || !isfinite(value)) {
        return err_set(err, ERR_INPUT, "expected a number, found '%.*s'", STR_ARG(text));
    }
    *ret_value = value;
    return 0;
}

int parse_real(struct str text, double *ret_value, struct err *err)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {{"nan", NAN}, {"inf", INFINITY}, {"infinity", INFINITY}};
    struct str trimmed = str_trim(text);
    bool is_signed = trimmed.n > 0 && (trimmed.p[0] == '-' || trimmed.p[0] == '+');
    struct str word = str_slice(trimmed, is_signed, trimmed.n);
    double value = 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (word.n == strlen(words[i].word) && strncasecmp(word.p, words[i].word, word.n) == 0) {
            *ret_value = is_signed && trimmed.p[0] == '-' ? -words[i].value : words[i].value;
            return 0;
        }
    }
    if (!read_decimal(trimmed, &value)) {
        return err_set(err, ERR_INPUT, "expected a number, found '%.*s'", STR_ARG(text));
    }
    *ret_value = value;
    return 0;
}

int parse_bool(struct str text, bool *ret_value, struct err *err)
{
    static const struct {
        const char *word;
        const char *meant;
    } slips[] = {{"yes", "true"},  {"on", "true"},     {"1", "true"},      {"True", "true"},
                 {"TRUE", "true"}, {"y", "true"},      {"no", "false"},    {"off", "false"},
                 {"0", "false"},   {"False", "false"}, {"FALSE", "false"}, {"n", "false"}};
    if (str_is(text, "true") || str_is(text, "false")) {
        *ret_value = str_is(text, "true");
        return 0;
    }
    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++) {
        if (str_is(text, slips[i].word)) {
            return err_set(err, ERR_INPUT, "expected true or false, found '%s': did you mean %s?", slips[i].word,
                           slips[i].meant);
        }
    }
    return err_set(err, ERR_INPUT, "expected true or false, found '%.*s'", STR_ARG(text));
}

/* `meant` is NULL when nobody could say. */
static int unreadable(struct str text, const char *expected, const char *meant, struct err *err)
{
    return meant == NULL ? err_set(err, ERR_INPUT, "expected %s, found '%.*s'", expected, STR_ARG(text))
                         : err_set(err, ERR_INPUT, "expected %s, found '%.*s': did you mean '%s'?", expected,
                                   STR_ARG(text), meant);
}

int parse_duration_ms(struct str text, int64_t *ret_ms, struct err *err)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    int64_t total = 0;
    size_t next = 0; /* units go down, each once */
    size_t at = 0;
    bool good = text.n > 0;
    while (good && at < text.n) {
        size_t digits = at;
        while (at < text.n && is_digit(text.p[at])) {
            at++;
        }
        size_t letters = at;
        while (at < text.n && text.p[at] >= 'a' && text.p[at] <= 'z') {
            at++;
        }
        int64_t count = 0;
        struct str unit = str_slice(text, letters, at);
        good = parse_int(str_slice(text, digits, letters), 0, 1000000000, &count, NULL) == 0;
        size_t u = next;
        while (u < 5 && !str_is(unit, units[u].unit)) {
            u++;
        }
        good = good && u < 5;
        if (good) {
            total += count * units[u].ms;
            next = u + 1;
            good = total <= INT64_MAX / 4;
        }
    }
    if (!good) {
        char meant[MEASURE_SLIP_MAX];
        return unreadable(text, "a duration like 500ms, 90s, 15m, 2h, 3d or 1h30m",
                          duration_slip(text, meant) ? meant : NULL, err);
    }
    *ret_ms = total;
    return 0;
}

int parse_size_bytes(struct str text, int64_t *ret_bytes, struct err *err)
{
    struct str number = text;
    double unit = 1;
    if (str_ends(number, STR("iB"))) {
        number.n -= 2;
    } else if (str_ends(number, STR("B"))) {
        number.n -= 1;
    }
    static const char letters[] = "KMGT";
    const char *letter = number.n == 0 ? NULL : memchr(letters, number.p[number.n - 1], 4);
    if (letter != NULL) {
        for (const char *l = letters; l <= letter; l++) {
            unit *= 1024;
        }
        number.n--;
    } else if (text.n - number.n == 2) { /* "5iB" */
        number.n = 0;
    }
    double value = 0;
    if (parse_number(number, &value, NULL) < 0 || value < 0 || value * unit > 9e18) {
        char meant[MEASURE_SLIP_MAX];
        return unreadable(text, "a size like 512M, 8G or 1024", size_slip(text, meant) ? meant : NULL, err);
    }
    *ret_bytes = (int64_t)(value * unit);
    return 0;
}

int parse_size_of_much(struct str text, int64_t *ret_bytes, struct err *err)
{
    int64_t bytes = 0;
    if (parse_size_bytes(text, &bytes, err) < 0) {
        return -1;
    }
    bool has_unit = text.n > 0 && !is_digit(text.p[text.n - 1]) && text.p[text.n - 1] != '.';
    if (bytes > 0 && bytes < 1 << 16 && !has_unit) {
        char meant[MEASURE_SLIP_MAX];
        return unreadable(text, "a size with its unit", size_slip(text, meant) ? meant : NULL, err);
    }
    *ret_bytes = bytes;
    return 0;
}

void format_duration(char *room, size_t size, int64_t ms)
{
    if (ms < 1000) {
        (void)snprintf(room, size, "%lld ms", (long long)ms);
    } else if (ms < 60000) {
        int tenth = (int)(ms % 1000 / 100); /* cut, not rounded: 59,999 ms are not yet "60.0 s" */
        (void)snprintf(room, size, ms % 1000 == 0 ? "%d s" : "%d.%d s", (int)(ms / 1000), tenth);
    } else if (ms < 3600000) {
        int64_t seconds = ms % 60000 / 1000;
        (void)snprintf(room, size, seconds == 0 ? "%lldm" : "%lldm %llds", (long long)(ms / 60000), (long long)seconds);
    } else if (ms < 86400000) {
        int64_t minutes = ms % 3600000 / 60000;
        (void)snprintf(room, size, minutes == 0 ? "%lldh" : "%lldh %lldm", (long long)(ms / 3600000),
                       (long long)minutes);
    } else {
        int64_t hours = ms % 86400000 / 3600000;
        (void)snprintf(room, size, hours == 0 ? "%lldd" : "%lldd %lldh", (long long)(ms / 86400000), (long long)hours);
    }
}

void format_size(char *room, size_t size, int64_t bytes)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1023.5 && unit < 4 && bytes >= 1024) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(room, size, unit == 0 || value >= 99.95 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

void format_time(char *room, size_t size, int64_t epoch_ms)
{
    int64_t seconds = epoch_ms / 1000;
    int64_t ms = epoch_ms % 1000;
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    time_t when = (time_t)seconds;
    struct tm utc;
    (void)gmtime_r(&when, &utc);
    (void)snprintf(room, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                   utc.tm_hour, utc.tm_min, utc.tm_sec, (int)ms);
}

void format_time_s(char *room, size_t size, int64_t epoch_ms)
{
    char whole[40];
    format_time(whole, sizeof whole, epoch_ms);
    (void)snprintf(room, size, "%.*sZ", (int)(strlen(whole) - strlen(".123Z")), whole);
}

static bool take_digits(struct str *text, size_t count, int *ret)
{
    int64_t value = 0;
    if (text->n < count || !is_digit(text->p[0]) || parse_int(str_slice(*text, 0, count), 0, 9999, &value, NULL) < 0) {
        return false;
    }
    *ret = (int)value;
    *text = str_slice(*text, count, text->n);
    return true;
}

static bool take_byte(struct str *text, const char *any)
{
    if (text->n == 0 || strchr(any, text->p[0]) == NULL || text->p[0] == '\0') {
        return false;
    }
    *text = str_slice(*text, 1, text->n);
    return true;
}

/* "Z" or "+02:00"; seconds east of UTC. */
static bool take_offset(struct str *text, int *ret_seconds)
{
    int hours = 0;
    int minutes = 0;
    *ret_seconds = 0;
    if (take_byte(text, "Zz")) {
        return true;
    }
    int sign = text->n > 0 && text->p[0] == '-' ? -1 : 1;
    if (!take_byte(text, "+-") || !take_digits(text, 2, &hours) || !take_byte(text, ":") ||
        !take_digits(text, 2, &minutes)) {
        return false;
    }
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return hours < 24 && minutes < 60;
}

int parse_time(struct str text, int64_t *ret_epoch_ms, struct err *err)
{
    struct str rest = text;
    struct tm utc = {0};
    int offset = 0;
    int64_t ms = 0;
    bool good = take_digits(&rest, 4, &utc.tm_year) && take_byte(&rest, "-") && take_digits(&rest, 2, &utc.tm_mon) &&
                take_byte(&rest, "-") && take_digits(&rest, 2, &utc.tm_mday) && take_byte(&rest, "Tt ") &&
                take_digits(&rest, 2, &utc.tm_hour) && take_byte(&rest, ":") && take_digits(&rest, 2, &utc.tm_min) &&
                take_byte(&rest, ":") && take_digits(&rest, 2, &utc.tm_sec);
    if (good && take_byte(&rest, ".")) {
        int64_t scale = 100;
        good = rest.n > 0 && is_digit(rest.p[0]);
        while (rest.n > 0 && is_digit(rest.p[0])) {
            ms += scale * (rest.p[0] - '0');
            scale /= 10;
            rest = str_slice(rest, 1, rest.n);
        }
    }
    good = good && take_offset(&rest, &offset) && rest.n == 0;
    struct tm checked = utc;
    checked.tm_year = utc.tm_year - 1900;
    checked.tm_mon = utc.tm_mon - 1;
    int day = checked.tm_mday;
    time_t when = good ? timegm(&checked) : 0;
    /* timegm moves 30 February on to March: then the day differs. */
    good = good && utc.tm_mon >= 1 && utc.tm_mon <= 12 && checked.tm_mday == day && utc.tm_hour < 24 &&
           utc.tm_min < 60 && utc.tm_sec < 61;
    if (!good) {
        return err_set(err, ERR_INPUT, "expected a time like 2026-11-24T10:15:00Z, found '%.*s'", STR_ARG(text));
    }
    *ret_epoch_ms = ((int64_t)when - offset) * 1000 + ms;
    return 0;
}
