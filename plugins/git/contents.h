/* SPDX-License-Identifier: Apache-2.0
 * What a commit must not hold: things that would be missing from its files without anybody saying so.
 */
#ifndef SLUICE_GIT_CONTENTS_H
#define SLUICE_GIT_CONTENTS_H

#include "fault.h"
#include "step.h"

#include <git2.h>

/* Submodules and files kept by Git LFS are faults that name the first of them. */
int contents_check(const struct step_host *host, git_repository *repository, const git_tree *tree, struct fault *fault);

#endif
