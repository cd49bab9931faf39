/* SPDX-License-Identifier: Apache-2.0 */
#include "base/measure_slip.h"

#include "base/parse.h"

#include <stdio.h>

enum { WORD_MAX = 16, SMALL = 64 /* nobody's machine has so many GiB to give to one step, or hardly */ };

struct unit {
    const char *words; /* separated by blanks, the one that is taken first */
    int64_t worth; /* ms */
    const char *taken;
};

static const struct unit durations[] = {
    {"w week weeks", 7 * 86400000, NULL},
    {"d day days", 86400000, "d"},
    {"h hr hrs hour hours", 3600000, "h"},
    {"m min mins minute minutes", 60000, "m"},
    {"s sec secs second seconds", 1000, "s"},
    {"ms msec msecs millisecond milliseconds", 1, "ms"},
};

static const struct unit sizes[] = {
    {"k kb ki kib", 0, "K"}, {"m mb mi mib", 0, "M"}, {"g gb gi gib", 0, "G"},
    {"t tb ti tib", 0, "T"}, {"b byte bytes", 0, "B"},
};

static const struct unit *find_unit(struct str word, const struct unit *units, size_t count)
{
    char folded[WORD_MAX];
    if (word.n == 0 || word.n > sizeof folded) {
        return NULL;
    }
    for (size_t i = 0; i < word.n; i++) {
        folded[i] = word.p[i] >= 'A' && word.p[i] <= 'Z' ? (char)(word.p[i] | 0x20) : word.p[i];
    }
    word.p = folded;
    for (size_t i = 0; i < count; i++) {
        struct str rest = str_from(units[i].words);
        struct str name;
        while (str_cut(&rest, ' ', &name)) {
            if (str_eq(name, word)) {
                return &units[i];
            }
        }
    }
    return NULL;
}

static size_t while_of(struct str text, size_t at, const char *set)
{
    while (at < text.n && memchr(set, text.p[at], strlen(set)) != NULL) {
        at++;
    }
    return at;
}

static size_t while_letters(struct str text, size_t at)
{
    while (at < text.n && ((text.p[at] | 0x20) >= 'a' && (text.p[at] | 0x20) <= 'z')) {
        at++;
    }
    return at;
}

/* "1.5 h" from `*at` on: its number, and its unit's word, which may be empty. */
static bool take_term(struct str text, size_t *at, struct str *ret_number, struct str *ret_word)
{
    size_t from = while_of(text, *at, " ");
    size_t end = while_of(text, from, "0123456789.");
    *ret_number = str_slice(text, from, end);
    from = while_of(text, end, " ");
    *at = while_letters(text, from);
    *ret_word = str_slice(text, from, *at);
    *at = while_of(text, *at, " ");
    return ret_number->n > 0;
}

/* Only whole ones, up to a thousand years in milliseconds. */
static bool is_whole(double count)
{
    return count >= 0 && count <= 3.2e13 && count == (double)(int64_t)count;
}

static void write_duration(int64_t total, char room[static MEASURE_SLIP_MAX])
{
    size_t used = 0;
    for (size_t u = 1; u < sizeof durations / sizeof durations[0]; u++) {
        int64_t count = total / durations[u].worth;
        total %= durations[u].worth;
        if (count > 0) {
            used += (size_t)snprintf(room + used, MEASURE_SLIP_MAX - used, "%lld%s", (long long)count,
                                     durations[u].taken);
        }
    }
}

bool duration_slip(struct str text, char room[static MEASURE_SLIP_MAX])
{
    double total = 0;
    size_t terms = 0;
    for (size_t at = 0; at < text.n || terms == 0; terms++) {
        struct str number;
        struct str word;
        double count = 0;
        if (!take_term(text, &at, &number, &word) || parse_number(number, &count, NULL) < 0) {
            return false;
        }
        const struct unit *unit =
            find_unit(word.n == 0 ? STR("s") : word, durations, sizeof durations / sizeof durations[0]);
        if (unit == NULL || (word.n == 0 && (terms > 0 || at < text.n))) {
            return false;
        }
        total += count * (double)unit->worth;
        if (terms == 0 && at == text.n && unit->taken != NULL && is_whole(count) && count <= 1e9) {
            (void)snprintf(room, MEASURE_SLIP_MAX, "%.0f%s", count, unit->taken); /* "90m", not "1h30m" */
            return true;
        }
    }
    if (total < 1 || !is_whole(total)) {
        return false;
    }
    write_duration((int64_t)total, room);
    return true;
}

bool size_slip(struct str text, char room[static MEASURE_SLIP_MAX])
{
    size_t at = 0;
    struct str number;
    struct str word;
    double count = 0;
    if (!take_term(text, &at, &number, &word) || at < text.n || number.n > MEASURE_SLIP_MAX / 2 ||
        parse_number(number, &count, NULL) < 0) {
        return false;
    }
    const struct unit *unit = find_unit(word, sizes, sizeof sizes / sizeof sizes[0]);
    if (word.n > 0 && unit == NULL) {
        return false;
    }
    const char *taken = unit != NULL ? unit->taken : count < SMALL ? "G" : "M";
    (void)snprintf(room, MEASURE_SLIP_MAX, "%.*s%s", STR_ARG(number), taken);
    return true;
}
