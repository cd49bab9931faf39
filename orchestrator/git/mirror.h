/* SPDX-License-Identifier: Apache-2.0
 * The bare clone of a source: made, mended after a kill, fetched into.
 *
 * Nothing in it is ever removed but what a fetch that was killed has left half: commits that no branch has any more
 * stay, so that runs which began with them can be begun again.
 */
#ifndef SLUICE_GIT_MIRROR_H
#define SLUICE_GIT_MIRROR_H

#include "git/access.h"

struct mirror {
    git_repository *repository;
    int lock_fd;
};

/* FOLDER/mirror.git, made if it is not there. Only one process at a time has it: ERR_BUSY. */
int mirror_open(const struct git_request *request, struct arena *arena, struct mirror *ret, struct err *err);
void mirror_close(struct mirror *mirror);

struct mirror_tip {
    char commit[41];
    const char *branch; /* "main" */
    bool moved;         /* it is not `seen` of the request */
    int64_t bytes, objects;
};
/* Where the branch is now; its commit, with all that came before it, is in the mirror then. */
int mirror_fetch(struct mirror *mirror, const struct git_request *request, struct arena *arena, struct mirror_tip *ret,
                 struct err *err);
/* Pins what can be: `pinned` has a flag for each of the request's pins. */
int mirror_pin(struct mirror *mirror, const struct git_request *request, bool *pinned, struct err *err);
/* Is it here? */
bool mirror_has(struct mirror *mirror, const char *commit);

#endif
