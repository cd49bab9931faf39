/* SPDX-License-Identifier: Apache-2.0
 * What git says of a checkout, read from its files without git: HEAD, loose and packed refs, worktrees.
 *
 * Source: gitrepository-layout(5).
 */
#ifndef SLUICE_CLI_GIT_HEAD_H
#define SLUICE_CLI_GIT_HEAD_H

#include "base/json.h"

/* The root of the checkout that `folder` (absolute) lies in, or NULL. */
const char *git_root(const char *folder, struct arena *arena);
/* {"commit", "branch", "repo"}; a member that is not known (no commit yet, a detached HEAD, no remote) is left out, and
 * all are when `root` is NULL. */
struct json git_head(const char *root, struct arena *arena);

#endif
