/* SPDX-License-Identifier: Apache-2.0
 * Step ids to positions by an open hash table, so that checks stay linear in the size of the file.
 */
#include "pipeline/load.h"

struct step_index {
    const struct pipeline *pipeline;
    size_t *slots; /* position + 1; 0: free */
    size_t size;
};

static size_t hash_id(struct str id)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < id.n; i++) {
        hash = (hash ^ (unsigned char)id.p[i]) * 1099511628211u;
    }
    return (size_t)(hash ^ (hash >> 32));
}

const struct step_index *step_index_new(struct arena *arena, const struct pipeline *pipeline)
{
    struct step_index *index = arena_one(arena, struct step_index);
    index->pipeline = pipeline;
    index->size = 16;
    while (index->size < pipeline->step_count * 2) {
        index->size *= 2;
    }
    index->slots = arena_array(arena, index->size, sizeof *index->slots);
    for (size_t i = 0; i < pipeline->step_count; i++) {
        size_t at = hash_id(pipeline->steps[i].id) & (index->size - 1);
        while (index->slots[at] != 0) {
            at = (at + 1) & (index->size - 1);
        }
        index->slots[at] = i + 1;
    }
    return index;
}

ptrdiff_t step_index_find(const struct step_index *index, struct str id)
{
    for (size_t at = hash_id(id) & (index->size - 1); index->slots[at] != 0; at = (at + 1) & (index->size - 1)) {
        size_t position = index->slots[at] - 1;
        if (str_eq(index->pipeline->steps[position].id, id)) {
            return (ptrdiff_t)position;
        }
    }
    return -1;
}

ptrdiff_t pipeline_find_step(const struct pipeline *pipeline, struct str id)
{
    return pipeline->index == NULL ? -1 : step_index_find(pipeline->index, id);
}
