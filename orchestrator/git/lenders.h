/* SPDX-License-Identifier: Apache-2.0
 * Where the objects of a repository are: its own folder, and those that it borrows from (objects/info/alternates; see
 * gitrepository-layout(5)). Of base/ alone: the plugin git is made of it, too.
 */
#ifndef SLUICE_GIT_LENDERS_H
#define SLUICE_GIT_LENDERS_H

#include "base/arena.h"

enum { LENDERS_MAX = 32, LENDERS_DEPTH = 5 /* those of lenders of lenders, as git has it */ };

struct lenders {
    const char *folders[LENDERS_MAX]; /* of objects; the first is the repository's own. Some may not be there */
    size_t count;
};

/* What is no such list lends nothing. */
void lenders_find(const char *objects, struct arena *arena, struct lenders *ret);

#endif
