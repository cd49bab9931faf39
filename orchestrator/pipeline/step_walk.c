/* SPDX-License-Identifier: Apache-2.0
 * The expressions of a step.
 */
#include "pipeline/pipeline.h"

void pipeline_walk_step(const struct pipeline *pipeline, const struct step *step, const struct expr_visitor *visitor)
{
    pipeline_walk_secrets(pipeline, step, visitor);
    for (size_t i = 0; i < step->script.expr_count; i++) {
        expr_walk(step->script.exprs[i], visitor);
    }
    for (size_t i = 0; i < step->input_count; i++) {
        template_walk(&step->inputs[i].source, visitor);
        template_walk(&step->inputs[i].dataset, visitor);
        template_walk(&step->inputs[i].context, visitor);
    }
    for (size_t i = 0; i < step->artifact_count; i++) {
        template_walk(&step->artifacts[i].glob, visitor);
    }
    for (size_t i = 0; i < step->metric_count; i++) {
        template_walk(&step->metrics[i], visitor);
    }
    if (step->model != NULL) {
        template_walk(&step->model->path, visitor);
        template_walk(&step->model->name, visitor);
        template_walk(&step->model->model_type, visitor);
        template_tree_walk(&step->model->params, visitor);
        template_tree_walk(&step->model->tags, visitor);
    }
}
