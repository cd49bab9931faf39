/* SPDX-License-Identifier: Apache-2.0
 * Step ids to positions, so that checks stay linear in the size of the file.
 */
#include "pipeline/load.h"

const struct str_index *step_index_new(struct arena *arena, const struct pipeline *pipeline)
{
    struct str_index *index = str_index_new(arena, pipeline->step_count);
    for (size_t i = 0; i < pipeline->step_count; i++) {
        (void)str_index_add(index, pipeline->steps[i].id);
    }
    return index;
}

ptrdiff_t pipeline_find_step(const struct pipeline *pipeline, struct str id)
{
    return pipeline->index == NULL ? -1 : str_index_find(pipeline->index, id);
}
