/* SPDX-License-Identifier: Apache-2.0
 * What is told of a commit: who made it, which pipelines it has, what came with it since another.
 */
#ifndef SLUICE_GIT_COMMIT_H
#define SLUICE_GIT_COMMIT_H

#include "git/request.h"

#include <git2.h>

/* Adds author, message, at_ms, files and refused to `ret`. More than GIT_FILES_MAX pipelines are ERR_LIMIT. A commit
 * that is refused has no files: it may name more than can be listed. */
int commit_tell(git_repository *repository, const char *commit, const struct git_request *request, struct arena *arena,
                struct json *ret, struct err *err);
/* {before, forced, paths, more_paths, commits, more_commits}. Of a commit `before` that is not here, nothing can be
 * told: both are empty, and there is more. */
int commit_push(git_repository *repository, const char *before, const char *after, struct arena *arena,
                struct json *ret, struct err *err);

#endif
