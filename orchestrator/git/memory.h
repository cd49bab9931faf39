/* SPDX-License-Identifier: Apache-2.0
 * How much memory libgit2 takes. Of libgit2 alone: the plugin git is made of it, too.
 */
#ifndef SLUICE_GIT_MEMORY_H
#define SLUICE_GIT_MEMORY_H

/* Bounds what it keeps of objects and maps of packs, in this process: a repository is as large as it likes. */
void git_memory_bound(void);

#endif
