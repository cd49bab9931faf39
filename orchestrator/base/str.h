/* SPDX-License-Identifier: Apache-2.0
 * A borrowed view of text: pointer and length, not NUL-terminated.
 *
 * Parsers pass views around instead of copying; whoever keeps one must know what keeps the bytes
 * alive (an arena, the file's buffer). The zero value is the empty text.
 */
#ifndef SLUICE_BASE_STR_H
#define SLUICE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

/* View of a string literal, usable in static tables. */
#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
/* Arguments for a "%.*s" conversion. */
#define STR_ARG(s) (int)((s).n > 4096 ? 4096 : (s).n), ((s).p == NULL ? "" : (s).p)

/* View of a C string; NULL gives the empty view. */
static inline struct str str_from(const char *text)
{
    return (struct str){text, text == NULL ? 0 : strlen(text)};
}

/* These three are asked for each key and each byte of a file: they stand here so that what is known when it is compiled
 * costs nothing. */
static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_is(struct str a, const char *text)
{
    return str_eq(a, str_from(text));
}

static inline bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* Byte order, shorter first on a tie: <0, 0, >0 as memcmp. */
int str_cmp(struct str a, struct str b);
bool str_ends(struct str s, struct str suffix);
/* Offset of `needle` in `s`, or -1. */
ptrdiff_t str_find(struct str s, struct str needle);
/* Offset of the byte `c` in `s` at or after `from`, or -1. */
ptrdiff_t str_find_byte(struct str s, char c, size_t from);
/* Bytes [from, to) of `s`; both are clamped to its length. */
struct str str_slice(struct str s, size_t from, size_t to);
/* `s` without leading and trailing blanks, tabs, CR and LF. */
struct str str_trim(struct str s);
/* Takes the part before the first `sep` off `*rest` into `*ret_part`; the last part leaves `*rest`
 * as the zero view. Returns false when `*rest` is the zero view. "a,,b" gives "a", "", "b". */
bool str_cut(struct str *rest, char sep, struct str *ret_part);
/* A name as C has them: a letter or '_', then letters, digits and '_'. */
bool str_is_identifier(struct str name);

/* The number of single-byte insertions, deletions, substitutions and swaps of neighbours between
 * two texts (restricted Damerau-Levenshtein); texts beyond 64 bytes count as far apart (64). */
size_t str_distance(struct str a, struct str b);
/* Index of the candidate nearest to `word`, near enough to be a slip of the hand (distance at most
 * a third of the word's length, at least 1), or -1. Case counts half: "Name" is near "name". */
ptrdiff_t str_nearest(struct str word, const struct str *candidates, size_t count);

#endif
