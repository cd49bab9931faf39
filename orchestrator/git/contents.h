/* SPDX-License-Identifier: Apache-2.0
 * Can the files of a commit be had as they are, and are they few enough to be written? Of libgit2 and base/ alone: the
 * plugin git is made of it, too.
 *
 * Each tree is looked at once, however often it stands in others: a few kilobytes may name a billion files, and that is
 * known before any of them is written. What lies deep costs memory, not stack.
 */
#ifndef SLUICE_GIT_CONTENTS_H
#define SLUICE_GIT_CONTENTS_H

#include <git2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CONTENTS_WHY_BYTES = 512,
    CONTENTS_ENTRIES_MAX = 1000000, /* files and folders */
    CONTENTS_DEPTH_MAX = 100,       /* folders in each other */
};

struct contents_bounds {
    int64_t max_bytes; /* of all files; 0: any */
    bool (*is_cancelled)(void *ctx); /* NULL: nobody asks */
    void *ctx;
};

/* 0; or -1 for submodules, files kept by Git LFS, and more than the bounds, with the first of them in `ret_why`, for a
 * commit whose files cannot be listed, and as soon as `is_cancelled` says so. */
int contents_check(git_repository *repository, const git_tree *tree, const struct contents_bounds *bounds,
                   char ret_why[CONTENTS_WHY_BYTES]);

#endif
