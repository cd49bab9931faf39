/* SPDX-License-Identifier: Apache-2.0
 * The target of a request, as it was sent: a path and a query, both still percent-encoded.
 */
#ifndef SLUICE_HTTP_TARGET_H
#define SLUICE_HTTP_TARGET_H

#include "base/arena.h"
#include "base/str.h"

/* Both lie in the arena; a path that begins with several slashes begins with one. `target` is the library's own buffer:
 * it keeps the path alone. */
void target_take(const char *target, struct arena *arena, struct str *ret_path, struct str *ret_query);

#endif
