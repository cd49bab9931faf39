/* SPDX-License-Identifier: Apache-2.0
 * How the remote is reached: credentials, who it must be, how much it may send.
 */
#ifndef SLUICE_GIT_ACCESS_H
#define SLUICE_GIT_ACCESS_H

#include "git/request.h"

#include <git2.h>

/* Of the repository's folder and its checkouts: steps of another user reach their workspace by the group. */
enum { REPOSITORY_MODE = 0750 };

struct access {
    const struct git_request *request;
    bool offered;       /* credentials have been sent once: asked again, they were refused */
    struct err why;     /* of a refusal that libgit2 does not know the words for */
    int64_t bytes, objects; /* that have come */
};

/* libgit2 as this program wants it: bounded in memory, durable, trusting `ca` or the machine's authorities. */
int access_prepare(const struct git_request *request, struct err *err);
/* The callbacks of a connection; `access` must outlive it. */
git_remote_callbacks access_callbacks(struct access *access);
/* So much has come: 0, or GIT_EUSER (`why` says it) when it is more than may. */
int access_came(struct access *access, int64_t bytes, int64_t objects);
/* Why a libgit2 function failed: what the callbacks had to say, else libgit2's own words behind `what`; without the
 * credentials. */
int access_fault(const struct access *access, const char *what, struct err *err);

#endif
