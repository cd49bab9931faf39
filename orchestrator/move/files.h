/* SPDX-License-Identifier: Apache-2.0
 * The files of records, brought into a home or out of one: each is read once, for its digest and for its copy.
 */
#ifndef SLUICE_MOVE_FILES_H
#define SLUICE_MOVE_FILES_H

#include "base/arena.h"
#include "base/err.h"
#include "store/runs.h"

#include <stdbool.h>

enum move_mode { MOVE_COPY, MOVE_LINK, MOVE_REFERENCE };

struct move_files {
    enum move_mode mode;       /* COPY or LINK */
    const char *incoming;      /* a file of this name is written first, and renamed when it is whole */
    bool copied_for_link;      /* set when a hard link was not possible: another file system */
    int64_t count, bytes;      /* brought; those that were there already not counted */
    int64_t before;            /* files that were there already */
};

/* All plain files below `from` come to the same paths below `to`. A file that `have` (sorted by path) tells of and that
 * is there with its size is not brought again. Links that lead out of `from` are ERR_INPUT. Gives a row for each file
 * that is new, with its digest. Nothing is synced: that is the caller's, for many at once. */
int move_files_bring(struct move_files *files, const char *from, const char *to, const struct artifact *have,
                     size_t have_count, struct arena *arena, struct artifact **ret, size_t *ret_count,
                     struct err *err);
/* What was written to this file system is on the disk. */
int move_files_sync(const char *folder, struct err *err);

#endif
