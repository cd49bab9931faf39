/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <ctype.h>

enum { DISTANCE_MAX = 64 };

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n == 0 ? 0 : memcmp(a.p, b.p, n);
    if (order != 0) {
        return order;
    }
    return a.n < b.n ? -1 : a.n > b.n;
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq(str_slice(s, s.n - suffix.n, s.n), suffix);
}

ptrdiff_t str_find(struct str s, struct str needle)
{
    if (needle.n == 0) {
        return 0;
    }
    const char *at = s.n < needle.n ? NULL : memmem(s.p, s.n, needle.p, needle.n);
    return at == NULL ? -1 : at - s.p;
}

ptrdiff_t str_find_byte(struct str s, char c, size_t from)
{
    const char *at = from >= s.n ? NULL : memchr(s.p + from, c, s.n - from);
    return at == NULL ? -1 : at - s.p;
}

struct str str_slice(struct str s, size_t from, size_t to)
{
    if (to > s.n) {
        to = s.n;
    }
    if (from >= to) {
        return (struct str){s.p, 0};
    }
    return (struct str){s.p + from, to - from};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s = str_slice(s, 1, s.n);
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

bool str_cut(struct str *rest, char sep, struct str *ret_part)
{
    if (rest->p == NULL) {
        return false;
    }
    ptrdiff_t at = str_find_byte(*rest, sep, 0);
    if (at < 0) {
        *ret_part = *rest;
        *rest = (struct str){0};
        return true;
    }
    *ret_part = str_slice(*rest, 0, (size_t)at);
    *rest = (struct str){rest->p + at + 1, rest->n - (size_t)at - 1};
    return true;
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Rows of the classic table, three at a time: the swap rule looks two rows back. */
size_t str_distance(struct str a, struct str b)
{
    if (a.n > DISTANCE_MAX || b.n > DISTANCE_MAX) {
        return DISTANCE_MAX;
    }
    size_t rows[3][DISTANCE_MAX + 1];
    for (size_t j = 0; j <= b.n; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a.n; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t cost = a.p[i - 1] == b.p[j - 1] ? 0 : 1;
            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + cost);
            bool swapped = i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1];
            if (swapped && two_above[j - 2] + 1 < row[j]) {
                row[j] = two_above[j - 2] + 1;
            }
        }
    }
    return rows[a.n % 3][b.n];
}

static struct str lower(struct str s, char *room)
{
    size_t n = s.n > DISTANCE_MAX ? DISTANCE_MAX : s.n;
    for (size_t i = 0; i < n; i++) {
        room[i] = (char)tolower((unsigned char)s.p[i]);
    }
    return (struct str){room, n};
}

ptrdiff_t str_nearest(struct str word, const struct str *candidates, size_t count)
{
    char word_room[DISTANCE_MAX];
    char other_room[DISTANCE_MAX];
    if (word.n == 0 || word.n > DISTANCE_MAX) {
        return -1;
    }
    size_t limit = word.n / 3 > 1 ? word.n / 3 : 1;
    struct str folded_word = lower(word, word_room);
    ptrdiff_t best = -1;
    size_t best_score = 2 * limit + 1;
    for (size_t i = 0; i < count; i++) {
        struct str other = candidates[i];
        size_t apart = other.n > word.n ? other.n - word.n : word.n - other.n; /* so many insertions at least */
        if (other.n > DISTANCE_MAX || apart > limit) {
            continue;
        }
        size_t folded = str_distance(folded_word, lower(other, other_room));
        size_t score = 2 * folded + (str_eq(word, other) || folded > 0 ? 0 : 1);
        if (score < best_score && folded < word.n) { /* nothing of "x" is left in "y" */
            best_score = score;
            best = (ptrdiff_t)i;
        }
    }
    return best;
}

bool str_is_identifier(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9')) {
            return false;
        }
    }
    return name.n > 0;
}
