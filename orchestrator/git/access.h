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
    int64_t bytes_before, objects_before; /* of them, with parts of the fetch that are over */
};

/* libgit2 as this program wants it: bounded in memory, durable, trusting `ca` or the machine's authorities. */
int access_prepare(const struct git_request *request, struct arena *arena, struct err *err);
/* The callbacks of a connection; `access` must outlive it. */
git_remote_callbacks access_callbacks(struct access *access);
/* What has come, of the part of the fetch that goes on: 0, or GIT_EUSER when it is more than may. `payload` is the
 * access. */
int access_on_progress(const git_indexer_progress *progress, void *payload);
/* The same for what has come beside all that is counted. */
int access_add(struct access *access, int64_t bytes, int64_t objects);
/* That part is over. */
void access_part_came(struct access *access);
/* How many bytes may still come. */
int64_t access_left(const struct access *access);
/* Why a libgit2 function failed: what the callbacks had to say, else libgit2's own words behind `what`; without the
 * credentials. */
int access_fault(const struct access *access, const char *what, struct err *err);

#endif
