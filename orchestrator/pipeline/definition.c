/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/definition.h"

#include "base/mem.h"

#include <stdlib.h>

struct definition *definition_new(struct arena *take_arena, const struct pipeline *pipeline)
{
    struct definition *definition = mem_alloc(sizeof *definition);
    *definition = (struct definition){.pipeline = pipeline, .arena = take_arena, .users = 1};
    return definition;
}

struct definition *definition_hold(struct definition *definition)
{
    definition->users++;
    return definition;
}

void definition_release(struct definition *definition)
{
    if (definition != NULL && --definition->users == 0) {
        arena_free(definition->arena);
        free(definition);
    }
}
