/* SPDX-License-Identifier: Apache-2.0
 * A pipeline that was read, with the memory that it lives in, for several who use it at once: it is gone when the last
 * of them has let go. Nobody changes it. Of one thread.
 */
#ifndef SLUICE_PIPELINE_DEFINITION_H
#define SLUICE_PIPELINE_DEFINITION_H

#include "pipeline/pipeline.h"

struct definition {
    const struct pipeline *pipeline;
    struct arena *arena;
    size_t users;
};

/* Takes `take_arena`, which `pipeline` lives in; the caller is its user. */
struct definition *definition_new(struct arena *take_arena, const struct pipeline *pipeline);
/* One user more. */
struct definition *definition_hold(struct definition *definition);
/* One less. NULL is allowed. */
void definition_release(struct definition *definition);

#endif
