/* SPDX-License-Identifier: Apache-2.0 */
#include "spelling.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { LONGEST = 64 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance in one row of the table; names longer than LONGEST never match. */
static size_t edits_between(const char *a, const char *b)
{
    size_t a_size = strlen(a);
    size_t b_size = strlen(b);
    if (a_size > LONGEST || b_size > LONGEST) {
        return LONGEST;
    }
    size_t row[LONGEST + 1];
    for (size_t j = 0; j <= b_size; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]) ? 0 : 1;
            size_t here = smaller(diagonal + same, smaller(row[j], row[j - 1]) + 1);
            diagonal = row[j];
            row[j] = here;
        }
    }
    return row[b_size];
}

/* "auc" is one of the words of "roc_auc". */
static bool has_word(const char *name, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = name; size > 0 && (at = strstr(at, word)) != NULL; at++) {
        if ((at == name || at[-1] == '_') && (at[size] == '\0' || at[size] == '_')) {
            return true;
        }
    }
    return false;
}

const char *spelling_nearest(const char *wanted, const char *const *names, size_t count)
{
    size_t limit = strlen(wanted) / 3;
    limit = limit < 1 ? 1 : limit;
    limit = limit > 3 ? 3 : limit;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t edits = edits_between(wanted, names[i]);
        if (edits <= limit && names[i][0] != '\0') {
            nearest = names[i];
            limit = edits == 0 ? 0 : edits - 1;
            if (edits == 0) {
                break;
            }
        }
    }
    for (size_t i = 0; nearest == NULL && i < count; i++) {
        nearest = has_word(names[i], wanted) ? names[i] : NULL;
    }
    return nearest;
}
