/* SPDX-License-Identifier: Apache-2.0 */
#include "bare_words.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* The size of the word at `text`; 0: none stands there. */
static size_t word_size(const char *text, size_t size)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t n = strlen(words[i]);
        if (n <= size && memcmp(text, words[i], n) == 0 && (n == size || !isalnum((unsigned char)text[n]))) {
            return n;
        }
    }
    return 0;
}

char *bare_words_quote(struct scratch *scratch, const char *text, size_t size, size_t *ret_size)
{
    char *room = scratch_array(scratch, 2 * size + 1, 1); /* the shortest word has three letters, and gets two more */
    size_t used = 0;
    bool in_string = false;
    for (size_t i = 0; i < size;) {
        size_t word = in_string ? 0 : word_size(text + i, size - i);
        size_t take = word > 0 ? word : in_string && text[i] == '\\' && i + 1 < size ? 2 : 1;
        in_string = in_string != (text[i] == '"');
        if (word > 0) {
            room[used++] = '"';
        }
        memcpy(room + used, text + i, take);
        used += take;
        if (word > 0) {
            room[used++] = '"';
        }
        i += take;
    }
    *ret_size = used;
    return room;
}
