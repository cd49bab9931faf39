/* SPDX-License-Identifier: Apache-2.0
 * Percent-encoded text, as it stands in URLs and forms (RFC 3986, 2.1; the URL standard's urlencoded parser).
 */
#ifndef SLUICE_BASE_PERCENT_H
#define SLUICE_BASE_PERCENT_H

#include "base/arena.h"

#include <stdbool.h>

/* Percent-decodes once, and with `plus` a '+' into a blank. False when a '%' is not followed by two hex digits, or the
 * result holds a NUL. The text is NUL-terminated in the arena. */
bool percent_decode(struct str text, bool plus, struct arena *arena, struct str *ret);
/* The next name and value of a query or a form, decoded; false at the end, or (with `*ret_bad`) where one cannot be
 * decoded. */
bool percent_pair_next(struct str *rest, struct arena *arena, struct str *ret_name, struct str *ret_value,
                       bool *ret_bad);

#endif
