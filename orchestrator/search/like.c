/* SPDX-License-Identifier: Apache-2.0 */
#include "search/like.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <stdint.h>
#include <stdlib.h>

/* ---- characters ----------------------------------------------------------------------------------------- */

static size_t character(struct str s, size_t at, uint32_t *ret_code)
{
    size_t length = utf8_decode(s.p + at, s.n - at, ret_code);
    if (length == 0) {
        *ret_code = 0x110000u + (unsigned char)s.p[at]; /* no code point is equal to it */
        return 1;
    }
    return length;
}

static char *folded(struct str s)
{
    char *copy = mem_dup(s.p == NULL ? "" : s.p, s.n);
    for (size_t i = 0; i < s.n; i++) {
        copy[i] = (char)(copy[i] >= 'A' && copy[i] <= 'Z' ? copy[i] - 'A' + 'a' : copy[i]);
    }
    return copy;
}

static bool has_any(struct str part)
{
    return part.n > 0 && memchr(part.p, '_', part.n) != NULL;
}

/* ---- a part at one place -------------------------------------------------------------------------------- */

/* The length of the beginning of `text` that `part` matches, or -1. */
static ptrdiff_t match_at_start(struct str part, struct str text)
{
    size_t at = 0;
    for (size_t i = 0; i < part.n;) {
        uint32_t want = 0;
        uint32_t found = 0;
        size_t width = character(part, i, &want);
        if (at == text.n) {
            return -1;
        }
        size_t length = character(text, at, &found);
        if (want != '_' && want != found) {
            return -1;
        }
        i += width;
        at += length;
    }
    return (ptrdiff_t)at;
}

static size_t count_characters(struct str s)
{
    size_t count = 0;
    uint32_t code = 0;
    for (size_t at = 0; at < s.n; count++) {
        at += character(s, at, &code);
    }
    return count;
}

/* Does the end of `text` match the whole part? */
static bool match_at_end(struct str part, struct str text)
{
    if (!has_any(part)) {
        return text.n >= part.n && str_eq(str_slice(text, text.n - part.n, text.n), part);
    }
    size_t wanted = count_characters(part);
    size_t skip = count_characters(text);
    uint32_t code = 0;
    size_t at = 0;
    if (skip < wanted) {
        return false;
    }
    for (skip -= wanted; skip > 0; skip--) {
        at += character(text, at, &code);
    }
    return match_at_start(part, str_slice(text, at, text.n)) == (ptrdiff_t)(text.n - at);
}

/* ---- a part anywhere ------------------------------------------------------------------------------------ */

enum { WORDS = LIKE_PART_CHARACTERS / 64 };

/* For each character of a part, at which places of it that character may stand (Baeza-Yates and Gonnet, 1992). */
struct masks {
    size_t count;                         /* characters of the part */
    size_t known;                         /* different ones */
    uint64_t any[WORDS];                  /* where '_' stands */
    uint32_t codes[LIKE_PART_CHARACTERS]; /* sorted */
    uint64_t places[LIKE_PART_CHARACTERS][WORDS];
};

static size_t find_code(const struct masks *masks, uint32_t code)
{
    size_t low = 0;
    for (size_t high = masks->known; low < high;) {
        size_t middle = (low + high) / 2;
        if (masks->codes[middle] < code) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_known(const struct masks *masks, size_t at, uint32_t code)
{
    return at < masks->known && masks->codes[at] == code;
}

static void set_place(uint64_t places[WORDS], size_t place)
{
    places[place / 64] |= UINT64_C(1) << place % 64;
}

static void add_code(struct masks *masks, uint32_t code, size_t place)
{
    size_t at = find_code(masks, code);
    if (!is_known(masks, at, code)) {
        memmove(&masks->codes[at + 1], &masks->codes[at], (masks->known - at) * sizeof masks->codes[0]);
        memmove(&masks->places[at + 1], &masks->places[at], (masks->known - at) * sizeof masks->places[0]);
        masks->codes[at] = code;
        memset(masks->places[at], 0, sizeof masks->places[at]);
        masks->known++;
    }
    set_place(masks->places[at], place);
}

/* False for a part that is too long. */
static bool make_masks(struct masks *masks, struct str part)
{
    masks->count = masks->known = 0;
    memset(masks->any, 0, sizeof masks->any);
    for (size_t i = 0; i < part.n; masks->count++) {
        uint32_t code = 0;
        i += character(part, i, &code);
        if (masks->count == LIKE_PART_CHARACTERS) {
            return false;
        }
        if (code == '_') {
            set_place(masks->any, masks->count);
        } else {
            add_code(masks, code, masks->count);
        }
    }
    return true;
}

/* The end of the first place in `text` where the part matches, or -1. Bit i of `reached`: the text before here ends
 * as the first i + 1 characters of the part. */
static ptrdiff_t find_with_any(struct str part, struct str text)
{
    struct masks masks;
    uint64_t reached[WORDS] = {0};
    if (!make_masks(&masks, part)) {
        return -1;
    }
    uint64_t last = UINT64_C(1) << (masks.count - 1) % 64;
    for (size_t at = 0; at < text.n;) {
        uint32_t code = 0;
        at += character(text, at, &code);
        size_t known = find_code(&masks, code);
        const uint64_t *places = is_known(&masks, known, code) ? masks.places[known] : NULL;
        uint64_t carry = 1;
        for (size_t w = 0; w < WORDS; w++) {
            uint64_t shifted = reached[w] << 1 | carry;
            carry = reached[w] >> 63;
            reached[w] = shifted & (masks.any[w] | (places == NULL ? 0 : places[w]));
        }
        if ((reached[(masks.count - 1) / 64] & last) != 0) {
            return (ptrdiff_t)at;
        }
    }
    return -1;
}

static ptrdiff_t find_part(struct str part, struct str text)
{
    if (part.n == 0) {
        return 0;
    }
    if (has_any(part)) {
        return find_with_any(part, text);
    }
    const char *found = text.n < part.n ? NULL : memmem(text.p, text.n, part.p, part.n);
    return found == NULL ? -1 : found - text.p + (ptrdiff_t)part.n;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static bool matches(struct str pattern, struct str text)
{
    struct str rest = pattern;
    struct str part;
    (void)str_cut(&rest, '%', &part);
    ptrdiff_t length = match_at_start(part, text);
    if (length < 0 || rest.p == NULL) {
        return length == (ptrdiff_t)text.n;
    }
    text = str_slice(text, (size_t)length, text.n);
    while (str_cut(&rest, '%', &part) && rest.p != NULL) {
        ptrdiff_t end = find_part(part, text);
        if (end < 0) {
            return false;
        }
        text = str_slice(text, (size_t)end, text.n);
    }
    return match_at_end(part, text);
}

bool like_matches(struct str pattern, struct str text, bool fold)
{
    if (pattern.n == 0) {
        return text.n == 0;
    }
    text.p = text.p == NULL ? "" : text.p;
    if (!fold) {
        return matches(pattern, text);
    }
    char *lower_pattern = folded(pattern);
    char *lower_text = folded(text);
    bool result = matches((struct str){lower_pattern, pattern.n}, (struct str){lower_text, text.n});
    free(lower_pattern);
    free(lower_text);
    return result;
}

int like_check(struct str pattern, struct err *err)
{
    struct str rest = pattern;
    struct str part;
    bool first = true;
    while (str_cut(&rest, '%', &part)) {
        bool floats = !first && rest.p != NULL;
        first = false;
        if (floats && has_any(part) && count_characters(part) > LIKE_PART_CHARACTERS) {
            return err_set(err, ERR_LIMIT,
                           "a part of a pattern between two '%%' that holds '_' has at most %d characters, found %zu",
                           LIKE_PART_CHARACTERS, count_characters(part));
        }
    }
    return 0;
}
