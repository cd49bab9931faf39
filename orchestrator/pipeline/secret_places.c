/* SPDX-License-Identifier: Apache-2.0
 * Where in a step a secret may stand; check_expr.c refuses it everywhere else.
 */
#include "pipeline/pipeline.h"

void pipeline_walk_secrets(const struct pipeline *pipeline, const struct step *step,
                           const struct expr_visitor *visitor)
{
    for (size_t i = 0; i < pipeline->env_count; i++) {
        template_walk(&pipeline->env[i].value, visitor);
    }
    for (size_t i = 0; i < step->env_count; i++) {
        template_walk(&step->env[i].value, visitor);
    }
    for (size_t i = 0; step->is_argv && i < step->argv_count; i++) {
        template_walk(&step->argv[i], visitor);
    }
    template_tree_walk(step->with, visitor);
}
