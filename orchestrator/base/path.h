/* SPDX-License-Identifier: Apache-2.0
 * Paths as text. Nothing here looks at the disk: see fs.h for that.
 */
#ifndef SLUICE_BASE_PATH_H
#define SLUICE_BASE_PATH_H

#include "base/arena.h"

#include <stdbool.h>

/* "a" + "b/c" = "a/b/c"; an absolute `b` is the result by itself; an empty `a` gives `b`. */
char *path_join(struct arena *arena, const char *a, const char *b);
/* Without ".", "//" and, where they can be resolved as text, ".."; "" becomes ".". */
char *path_normal(struct arena *arena, const char *path);
/* The part behind the last '/', in place. */
const char *path_base(const char *path);
/* The part before the last '/', "." if there is none, "/" for the root. */
char *path_dir(struct arena *arena, const char *path);
/* True for a relative path that stays below its folder: not empty, not absolute, no ".." that
 * climbs out, no NUL, no empty or "." parts. What may be an artifact's path. */
bool path_is_below(struct str path);
/* A glob as in .gitignore terms: '*' and '?' stop at '/', "**" does not, "[a-z]" classes. */
bool path_matches(const char *glob, const char *path);

#endif
