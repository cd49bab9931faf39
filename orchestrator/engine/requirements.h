/* SPDX-License-Identifier: Apache-2.0
 * Files that a file of pip's requirements is made of.
 */
#ifndef SLUICE_ENGINE_REQUIREMENTS_H
#define SLUICE_ENGINE_REQUIREMENTS_H

#include "base/arena.h"

#include <stddef.h>

/* The file itself, and what it and those name after -r and -c (--requirement, --constraint): each once, in the order
 * in which they are met. Addresses are left out. One that cannot be read is there all the same, and names nothing.
 * `*ret_more` is the first that was one too many; NULL. */
enum { REQUIREMENTS_MAX = 64 };
size_t requirements_files(const char *path, struct arena *arena, const char *ret[REQUIREMENTS_MAX],
                          const char **ret_more);

#endif
