/* SPDX-License-Identifier: Apache-2.0
 * From text to sets. The next firing is found in cron_next.c, doubtful expressions in cron_warning.c.
 */
#include "time/cron_expr.h"

#include <strings.h>

struct field {
    const char *name;
    unsigned min;
    unsigned max;
    const char *const *names; /* of min, min + 1, ...; 3 letters each */
    unsigned name_count;
    const char *named; /* for messages */
};

static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                     "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static const struct field fields[CRON_FIELDS] = {
    [CRON_MINUTE] = {"minute", 0, 59, NULL, 0, ""},
    [CRON_HOUR] = {"hour", 0, 23, NULL, 0, ""},
    [CRON_DAY] = {"day of month", 1, 31, NULL, 0, ""},
    [CRON_MONTH] = {"month", 1, 12, months, 12, " or jan-dec"},
    [CRON_WEEKDAY] = {"day of week", 0, 7, weekdays, 7, " or sun-sat"},
};

static const struct {
    const char *name;
    const char *meaning;
} nicknames[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
    {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@hourly", "0 * * * *"},
};

/* What a parse needs to know of where it is. */
struct reading {
    struct str whole;
    const struct field *field;
    struct err *err;
};

#define COMPLAIN(reading, format, ...)                                                                                 \
    err_set((reading)->err, ERR_INPUT, "cron \"%.*s\": %s " format, STR_ARG((reading)->whole), (reading)->field->name, \
            __VA_ARGS__)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* All digits, at least one; more than four are as good as any number out of range. */
static bool read_digits(struct str text, unsigned *ret_value)
{
    unsigned value = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (!is_digit(text.p[i])) {
            return false;
        }
        value = value > 9999 ? value : value * 10 + (unsigned)(text.p[i] - '0');
    }
    *ret_value = value;
    return text.n > 0;
}

static bool read_name(const struct field *field, struct str text, unsigned *ret_value)
{
    for (unsigned i = 0; i < field->name_count; i++) {
        if (text.n == 3 && strncasecmp(text.p, field->names[i], 3) == 0) {
            *ret_value = field->min + i;
            return true;
        }
    }
    return false;
}

static int read_value(const struct reading *reading, struct str text, unsigned *ret_value)
{
    const struct field *field = reading->field;
    if (read_name(field, text, ret_value)) {
        return 0;
    }
    if (read_digits(text, ret_value) && *ret_value >= field->min && *ret_value <= field->max) {
        return 0;
    }
    if (text.n == 0) {
        return COMPLAIN(reading, "has an empty part, expected %u-%u%s", field->min, field->max, field->named);
    }
    if (str_is(text, "?")) {
        return COMPLAIN(reading, "'?' is of another dialect, expected '*' or %u-%u%s", field->min, field->max,
                        field->named);
    }
    return COMPLAIN(reading, "%.*s is not %u-%u%s", STR_ARG(text), field->min, field->max, field->named);
}

/* "a-b", "a" or "*". */
static int read_range(const struct reading *reading, struct str text, unsigned *ret_low, unsigned *ret_high)
{
    const struct field *field = reading->field;
    if (str_is(text, "*")) {
        *ret_low = field->min;
        *ret_high = field->max;
        return 0;
    }
    ptrdiff_t dash = str_find_byte(text, '-', 0);
    if (dash < 0) {
        if (read_value(reading, text, ret_low) < 0) {
            return -1;
        }
        *ret_high = *ret_low;
        return 0;
    }
    struct str high = str_slice(text, (size_t)dash + 1, text.n);
    if (read_value(reading, str_slice(text, 0, (size_t)dash), ret_low) < 0 || read_value(reading, high, ret_high) < 0) {
        return -1;
    }
    if (field->names == weekdays && *ret_high == 0 && *ret_low > 0 && !is_digit(high.p[0])) {
        *ret_high = 7;
    }
    if (*ret_low > *ret_high) {
        return COMPLAIN(reading, "range %.*s runs backwards, expected the smaller first", STR_ARG(text));
    }
    return 0;
}

static int read_step(const struct reading *reading, struct str range, struct str text, unsigned *ret_step)
{
    const struct field *field = reading->field;
    if (!read_digits(text, ret_step) || *ret_step < 1 || *ret_step > field->max) {
        return COMPLAIN(reading, "step '%.*s' is not 1-%u", STR_ARG(text), field->max);
    }
    if (!str_is(range, "*") && str_find_byte(range, '-', 0) < 0) {
        return COMPLAIN(reading, "step '/%u' needs a range, expected such as %.*s-%u/%u", *ret_step, STR_ARG(range),
                        field->max, *ret_step);
    }
    return 0;
}

static int read_item(const struct reading *reading, struct str item, uint64_t *set)
{
    ptrdiff_t slash = str_find_byte(item, '/', 0);
    struct str range = slash < 0 ? item : str_slice(item, 0, (size_t)slash);
    unsigned low = 0;
    unsigned high = 0;
    unsigned step = 1;
    if (read_range(reading, range, &low, &high) < 0) {
        return -1;
    }
    if (slash >= 0 && read_step(reading, range, str_slice(item, (size_t)slash + 1, item.n), &step) < 0) {
        return -1;
    }
    for (unsigned value = low; value <= high; value += step) {
        *set |= (uint64_t)1 << (reading->field->names == weekdays ? value % 7 : value);
    }
    return 0;
}

static int read_field(const struct reading *reading, struct str text, struct cron_expr *expr, size_t index)
{
    expr->stars[index] = text.p[0] == '*';
    if (str_starts(text, STR("*/")) && !read_digits(str_slice(text, 2, text.n), &expr->steps[index])) {
        expr->steps[index] = 0;
    }
    for (struct str rest = text, item; str_cut(&rest, ',', &item);) {
        if (read_item(reading, item, &expr->sets[index]) < 0) {
            return -1;
        }
    }
    return 0;
}

/* The next word of `*rest`, which loses it; empty at the end. */
static struct str take_word(struct str *rest)
{
    size_t from = 0;
    while (from < rest->n && (rest->p[from] == ' ' || rest->p[from] == '\t')) {
        from++;
    }
    size_t to = from;
    while (to < rest->n && rest->p[to] != ' ' && rest->p[to] != '\t') {
        to++;
    }
    struct str word = str_slice(*rest, from, to);
    *rest = str_slice(*rest, to, rest->n);
    return word;
}

static int complain_nickname(struct str text, struct err *err)
{
    if (str_starts(text, STR("@every"))) {
        return err_set(err, ERR_INPUT,
                       "cron \"%.*s\": '@every' is of another dialect, expected five fields such as */15 * * * *",
                       STR_ARG(text));
    }
    struct str names[sizeof nicknames / sizeof nicknames[0]];
    size_t count = sizeof names / sizeof names[0];
    for (size_t i = 0; i < count; i++) {
        names[i] = str_from(nicknames[i].name);
    }
    ptrdiff_t near = str_nearest(text, names, count);
    if (near < 0) {
        return err_set(err, ERR_INPUT,
                       "cron \"%.*s\": expected five fields, or @yearly, @monthly, @weekly, @daily or @hourly",
                       STR_ARG(text));
    }
    return err_set(err, ERR_INPUT, "cron \"%.*s\": there is no such nickname, did you mean '%s'", STR_ARG(text),
                   nicknames[near].name);
}

/* A nickname's meaning, or the text itself. */
static int expand(struct str text, struct str *ret_text, struct err *err)
{
    *ret_text = text;
    if (text.n == 0 || text.p[0] != '@') {
        return 0;
    }
    for (size_t i = 0; i < sizeof nicknames / sizeof nicknames[0]; i++) {
        if (text.n == strlen(nicknames[i].name) && strncasecmp(text.p, nicknames[i].name, text.n) == 0) {
            *ret_text = str_from(nicknames[i].meaning);
            return 0;
        }
    }
    return complain_nickname(text, err);
}

static int check_text(struct str text, struct err *err)
{
    if (text.n > CRON_TEXT_MAX) {
        return err_set(err, ERR_INPUT, "cron expression of %zu bytes, expected at most %d", text.n, CRON_TEXT_MAX);
    }
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] < ' ' && text.p[i] != '\t') {
            return err_set(err, ERR_INPUT,
                           "cron expression with the control character 0x%02x, expected one line of text",
                           (unsigned)(unsigned char)text.p[i]);
        }
    }
    if (str_starts(text, STR("CRON_TZ=")) || str_starts(text, STR("TZ="))) {
        return err_set(err, ERR_INPUT, "cron \"%.*s\": expected the zone under 'timezone', not here", STR_ARG(text));
    }
    return 0;
}

static int check_count(struct str text, struct err *err)
{
    size_t count = 0;
    for (struct str rest = text; take_word(&rest).n > 0;) {
        count++;
    }
    if (count != CRON_FIELDS) {
        return err_set(err, ERR_INPUT,
                       "cron \"%.*s\": %zu field%s, expected 5: minute, hour, day of month, month, day of week",
                       STR_ARG(text), count, count == 1 ? "" : "s");
    }
    return 0;
}

/* Weekdays rescue a date that does not exist only where either day field will do. */
static bool can_fire(const struct cron_expr *expr)
{
    static const int longest[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (!expr->stars[CRON_DAY] && !expr->stars[CRON_WEEKDAY]) {
        return true;
    }
    for (int month = 1; month <= 12; month++) {
        uint64_t days = ((uint64_t)1 << (longest[month - 1] + 1)) - 1;
        if ((expr->sets[CRON_MONTH] >> month & 1) != 0 && (expr->sets[CRON_DAY] & days) != 0) {
            return true;
        }
    }
    return false;
}

int cron_expr_parse(struct str text, struct cron_expr *ret_expr, struct err *err)
{
    struct cron_expr expr = {0};
    struct str expanded;
    text = str_trim(text);
    if (check_text(text, err) < 0 || expand(text, &expanded, err) < 0 || check_count(expanded, err) < 0) {
        return -1;
    }
    struct str rest = expanded;
    for (size_t i = 0; i < CRON_FIELDS; i++) {
        struct reading reading = {text, &fields[i], err};
        if (read_field(&reading, take_word(&rest), &expr, i) < 0) {
            return -1;
        }
    }
    if (!can_fire(&expr)) {
        return err_set(err, ERR_INPUT, "cron \"%.*s\": never fires, none of its months has such a day", STR_ARG(text));
    }
    *ret_expr = expr;
    return 0;
}
