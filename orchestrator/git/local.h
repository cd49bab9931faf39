/* SPDX-License-Identifier: Apache-2.0
 * Fetching from a repository on this disk.
 *
 * libgit2 would make one pack of all that is missing, and compare its objects with each other for that: minutes for
 * 300 MB. Here their packs are copied as they are, and indexed while they come, which reads and digests each object:
 * nothing that they say of themselves is believed, and what they do with their files afterwards is their own affair (no
 * links, no alternates). What is left is copied object by object, large ones by stream.
 */
#ifndef SLUICE_GIT_LOCAL_H
#define SLUICE_GIT_LOCAL_H

#include "git/access.h"

/* The path of a URL that names one (file:// or absolute); NULL for all others. */
const char *local_path(const char *url, struct arena *arena);
/* Brings the commit `tip` of the repository at `path` into `ours`, with all that is reachable from it; what refs of
 * `ours` reach is taken to be whole. Either all is there, or it fails and what has come is of use to the next try. */
int local_fetch(git_repository *ours, const char *path, const git_oid *tip, struct access *access, struct err *err);

#endif
