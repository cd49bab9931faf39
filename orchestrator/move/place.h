/* SPDX-License-Identifier: Apache-2.0
 * Where the files of a record are, by what its store says: a URI or a path. Nothing here looks at a disk.
 */
#ifndef SLUICE_MOVE_PLACE_H
#define SLUICE_MOVE_PLACE_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>

enum place_kind {
    PLACE_NONE,    /* nothing is said */
    PLACE_LOCAL,   /* a folder of this machine */
    PLACE_SERVER,  /* mlflow-artifacts: what the server keeps, and nobody said where */
    PLACE_FOREIGN, /* another store: s3:, gs:, ... */
};

struct place {
    enum place_kind kind;
    const char *path; /* of PLACE_LOCAL: absolute */
};

/* `folder`: what relative paths are below, NULL: they are PLACE_FOREIGN; `artifacts_root`: the folder that stands for
 * mlflow-artifacts:/, or NULL. ERR_INPUT for a path with "..", and for a folder that has no part called `owner`: the
 * files of a run, model or trace lie in a folder of its id, so that no store can name another one. */
int place_find(const char *uri, const char *owner, const char *folder, const char *artifacts_root,
               struct arena *arena, struct place *ret, struct err *err);
/* May it be a part of a path: letters, digits, '_' and '-', at most 256? */
bool place_id_is_plain(const char *id);

#endif
