/* SPDX-License-Identifier: Apache-2.0
 * From what the user calls a revision to a commit in the local repository, fetched at need.
 */
#ifndef SLUICE_GIT_REVISION_H
#define SLUICE_GIT_REVISION_H

#include "access.h"

struct revision {
    git_commit *commit; /* freed by the caller with git_commit_free() */
    char hex[41];
    const char *ref; /* the full name it was found under, in `scratch`; NULL for a commit's own name */
};

/* `name` is "" for the remote's default branch, a branch, a tag, a full name (refs/...), or a commit of 7 to 40 hex
 * digits; a branch goes before a tag of the same name, and both before a commit. Only what is needed is fetched: for a
 * commit, that is all branches and tags, and nothing when its full name is here already. */
int revision_fetch(git_repository *repository, struct access *access, struct scratch *scratch, const char *name,
                   struct revision *ret_revision, struct fault *fault);

#endif
