/* SPDX-License-Identifier: Apache-2.0
 * What a commit must not hold: things that would be missing from its files without anybody saying so. Of libgit2 alone:
 * the plugin git is made of it, too.
 */
#ifndef SLUICE_GIT_CONTENTS_H
#define SLUICE_GIT_CONTENTS_H

#include <git2.h>
#include <stdbool.h>
#include <stddef.h>

enum { CONTENTS_WHY_BYTES = 512 };

/* 0; or -1 for submodules and files kept by Git LFS, with the first of them in `ret_why`, for a commit whose files
 * cannot be listed, and as soon as `is_cancelled` (NULL: nobody asks) says so. */
int contents_check(git_repository *repository, const git_tree *tree, bool (*is_cancelled)(void *ctx), void *ctx,
                   char ret_why[CONTENTS_WHY_BYTES]);

#endif
