/* SPDX-License-Identifier: Apache-2.0
 * Metrics as Python's json.dump writes them: NaN, Infinity and -Infinity stand bare, which is no JSON.
 */
#ifndef SLUICE_SHARED_BARE_WORDS_H
#define SLUICE_SHARED_BARE_WORDS_H

#include "scratch.h"

/* A copy of the text with these words in quotes wherever they stand outside a string. */
char *bare_words_quote(struct scratch *scratch, const char *text, size_t size, size_t *ret_size);

#endif
