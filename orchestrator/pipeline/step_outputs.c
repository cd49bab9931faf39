/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/pipeline.h"

#include "plugin/catalogue.h"

size_t step_output_name_count(const struct step *step)
{
    return step->output_count + (step->plugin == NULL ? 0 : step->plugin->output_count);
}

struct str step_output_name(const struct step *step, size_t index)
{
    return index < step->output_count ? step->outputs[index].name
                                      : step->plugin->outputs[index - step->output_count].name;
}
