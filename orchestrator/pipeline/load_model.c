/* SPDX-License-Identifier: Apache-2.0
 * `model:` of a step.
 */
#include "pipeline/load.h"

static void model_path(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct step_model *model = target;
    model->has_path = load_template(loader, node, &model->path);
}

static void model_name(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_template(loader, node, &((struct step_model *)target)->name);
}

static void model_type(struct loader *loader, const struct yaml_node *node, void *target)
{
    (void)load_template(loader, node, &((struct step_model *)target)->model_type);
}

static void model_params(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct step_model *model = target;
    model->has_params = load_tree(loader, node, &model->params);
    load_tree_as_text(loader, node, &model->params);
}

static void model_tags(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct step_model *model = target;
    model->has_tags = load_tree(loader, node, &model->tags);
    load_tree_as_text(loader, node, &model->tags);
}

const struct key model_keys[] = {
    {.name = "path", .takes = TAKES_TEXT, .load = model_path, .doc = "The file or folder that becomes a logged model."},
    {.name = "name", .takes = TAKES_TEXT, .load = model_name,
     .doc = "The logged model's name; default: the pipeline's."},
    {.name = "type", .takes = TAKES_TEXT, .load = model_type, .doc = "MLflow's model_type."},
    {.name = "params", .takes = TAKES_MAP, .load = model_params, .doc = "Params of the logged model."},
    {.name = "tags", .takes = TAKES_MAP, .load = model_tags, .doc = "Tags of the logged model."},
    {0},
};

void load_model(struct loader *loader, const struct yaml_node *node, void *target)
{
    struct step *step = target;
    struct step_model *model = arena_one(loader->arena, struct step_model);
    step->model = model;
    (void)load_map(loader, node, model_keys, model, "'model'");
}
