/* SPDX-License-Identifier: Apache-2.0 */
#include "git/memory.h"

#include <git2.h>

enum { CACHE_BYTES = 8 << 20, MAPPED_BYTES = 32 << 20, WINDOW_BYTES = 4 << 20 };

void git_memory_bound(void)
{
    (void)git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)CACHE_BYTES);
    (void)git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, (size_t)WINDOW_BYTES);
    (void)git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, (size_t)MAPPED_BYTES);
}
