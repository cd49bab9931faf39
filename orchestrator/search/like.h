/* SPDX-License-Identifier: Apache-2.0
 * LIKE as SQL has it: '%' stands for any text, '_' for one character (a code point; a byte that is no UTF-8 counts as
 * one), and nothing is escaped.
 *
 * Whatever pattern and text are, matching takes time in proportion to the two together: the text between two '%' is
 * searched for once, from where the one before it was found. For that, a part between two '%' that holds '_' may be no
 * longer than LIKE_PART_CHARACTERS.
 */
#ifndef SLUICE_SEARCH_LIKE_H
#define SLUICE_SEARCH_LIKE_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

enum { LIKE_PART_CHARACTERS = 256 };

/* ERR_LIMIT for a pattern that like_matches would not take. */
int like_check(struct str pattern, struct err *err);
/* Does the whole text match? With `fold`, ASCII letters match in either case. A pattern that like_check refuses
 * matches nothing. */
bool like_matches(struct str pattern, struct str text, bool fold);

#endif
