/* SPDX-License-Identifier: Apache-2.0
 * Puts what a step made where it is kept: copied beside, made read-only, digested, renamed into place. Readers see all
 * of it or nothing.
 */
#ifndef SLUICE_RUNNER_PUBLISH_H
#define SLUICE_RUNNER_PUBLISH_H

#include "base/json.h"
#include "digest/digest.h"
#include "digest/stamp.h"

enum { PUBLISH_MAX_FILES = STAMP_MAX_FILES };

struct published {
    const char *local;    /* absolute path of the file or folder */
    struct json files;    /* [{"path", "sha256", "size"}], sorted by path */
    struct digest digest; /* as digest_tree has it */
    int64_t size_bytes;
};

/* Where something is made before it is moved to `target`: a path beside it whose folder exists and which does not exist
 * itself. NULL with `err`. */
const char *publish_stage(const char *target, struct arena *arena, struct err *err);
/* Digests the file or folder `stage`, takes the write permissions off its files, and moves it to `target`, in the place
 * of what was there. Paths in ret->files begin with `prefix` ("" for none). On failure `stage` is removed. */
int publish_move(const char *stage, const char *target, const char *prefix, struct arena *arena, struct published *ret,
                 struct err *err);
/* Copies `from` to root/relative. Paths in ret->files are relative to `root`. */
int publish_copy(const char *from, const char *root, const char *relative, struct arena *arena, struct published *ret,
                 struct err *err);

#endif
