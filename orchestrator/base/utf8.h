/* SPDX-License-Identifier: Apache-2.0
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing beyond U+10FFFF.
 */
#ifndef SLUICE_BASE_UTF8_H
#define SLUICE_BASE_UTF8_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

bool utf8_valid(struct str text);
/* Decodes one code point at `p` (`n` bytes there). Returns its length, 0 for an invalid one. */
size_t utf8_decode(const char *p, size_t n, uint32_t *ret_code);
/* Encodes one code point (valid, no surrogate) into 4 bytes of room; returns its length. */
size_t utf8_encode(uint32_t code, char room[4]);
/* Columns the text takes on a terminal (wide East Asian 2, combining 0); invalid bytes count 1. */
size_t utf8_columns(struct str text);

/* In place: a text that others wrote becomes one line that does nothing to a terminal. Blanks of all kinds become ' ',
 * other control characters (ESC, NEL, ...) '?', and what turns the direction of writing U+FFFD. */
void utf8_one_line(char *text);
/* The same, but that lines and tabs stay. */
void utf8_lines(char *text);

#endif
