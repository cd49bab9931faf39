/* SPDX-License-Identifier: Apache-2.0
 * What steps published: for each path the digest it had, so that later steps are given it unchanged or not at all.
 */
#ifndef SLUICE_STORE_PUBLISHED_H
#define SLUICE_STORE_PUBLISHED_H

#include "store/store.h"

struct published_row {
    const char *owner;  /* run id of the attempt, or model id */
    const char *path;   /* absolute */
    const char *name;   /* "" for none */
    const char *step;
    const char *sha256;
    const char *stamp;  /* "" for none */
};

/* The last word on a path counts. What was recorded of paths below it is forgotten: it is part of this now. With
 * `alters`, so is what was recorded of the folders it lies in: their digests are no longer those of what is there. */
int store_published_put(struct store *store, const struct published_row *row, bool alters, struct err *err);
/* What is recorded of this very path: 1 found, 0 not, -1. */
int store_published_get(struct store *store, const char *owner, const char *path, struct arena *arena,
                        struct published_row *ret, struct err *err);
/* Are the files of a model what was published at `path`? Their stamp says it at once; their bytes are read only when
 * they were touched. ERR_STATE in words when they are not; 0 also when nothing is recorded (older stores, clients). */
int store_published_verify(struct store *store, const char *model_id, const char *path, struct arena *arena,
                           struct err *err);

#endif
