/* SPDX-License-Identifier: Apache-2.0
 * Which candidates are trained: each is a map of params. Pure.
 */
#ifndef SLUICE_TRAIN_GRID_H
#define SLUICE_TRAIN_GRID_H

#include "fault.h"
#include "scratch.h"
#include "step.h"

enum { GRID_MOST_CANDIDATES = 10000 };

struct grid {
    const struct step_value *candidates; /* maps with the same keys, all in `scratch` */
    size_t count;
};

/* `axes` is a map NAME: list of values, of which every combination is a candidate, the last axis turning quickest;
 * `list` is a list of maps. Exactly one of them is not NULL. `fixed` is a map that all candidates share, or NULL. More
 * than `most` candidates are a fault that says how many there are. Names are letters, digits and '_', different also
 * without regard to case, and none of dir, index and params. */
int grid_expand(struct scratch *scratch, const struct step_value *axes, const struct step_value *list,
                const struct step_value *fixed, size_t most, struct grid *ret_grid, struct fault *fault);

#endif
