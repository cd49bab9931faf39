/* SPDX-License-Identifier: Apache-2.0
 * Fetching from a repository on this disk. Of libgit2 and base/ alone: the plugin git is made of it, too.
 *
 * libgit2 would make one pack of all that is missing, and compare its objects with each other for that: minutes for
 * 300 MB. Here their packs are copied as they are, and indexed while they come, which reads and digests each object:
 * nothing that they say of themselves is believed, and what they do with their files afterwards is their own affair (no
 * links, no alternates of ours). What is left is copied object by object, large ones by stream.
 */
#ifndef SLUICE_GIT_LOCAL_H
#define SLUICE_GIT_LOCAL_H

#include "base/arena.h"
#include "base/err.h"

#include <git2.h>
#include <stddef.h>
#include <stdint.h>

/* The path of a URL that names one (file:// or absolute); NULL for all others. */
const char *local_path(const char *url, struct arena *arena);

/* Who looks on while it comes. */
struct local_watch {
    void *ctx;
    int64_t max_bytes; /* that may come: of a larger pack, what is needed is copied object by object */
    /* What has come by now. -1 in words: it ends. */
    int (*came)(void *ctx, int64_t bytes, int64_t objects, struct err *err);
};
/* Brings the objects `tips` (commits, tags, whatever references name) of the repository at `path` into `ours`, with all
 * that is reachable from them; what refs of `ours` reach is taken to be whole. Either all is there, or it fails and
 * what has come is of use to the next try. */
int local_fetch(git_repository *ours, const char *path, const git_oid *tips, size_t tip_count,
                const struct local_watch *watch, struct err *err);

#endif
