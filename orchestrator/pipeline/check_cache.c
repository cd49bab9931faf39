/* SPDX-License-Identifier: Apache-2.0
 * Which steps `cache` may stand on: those whose result follows from what they are given, and that change nothing
 * outside.
 */
#include "pipeline/load.h"
#include "plugin/catalogue.h"

void check_caches(struct loader *loader)
{
    for (size_t i = 0; i < loader->pipeline->step_count; i++) {
        const struct step *step = &loader->pipeline->steps[i];
        const struct plugin *plugin = step->plugin;
        const struct yaml_node *node = load_step_node(loader, i, "cache");
        if (node == NULL || step->cache == NULL || plugin == NULL || (plugin->cacheable && !plugin->gate)) {
            continue;
        }
        if (plugin->gate) {
            load_error(loader, node, DIAG_VALUE, "leave it out: a gate decides anew each time",
                       "step '%.*s': 'cache' has no meaning here: '%.*s' is a gate", STR_ARG(step->id),
                       STR_ARG(plugin->name));
        } else {
            load_error(loader, node, DIAG_VALUE, "leave it out: the step runs each time",
                       "step '%.*s': 'cache' has no meaning here: what '%.*s' does "
                       "is more than what it leaves",
                       STR_ARG(step->id), STR_ARG(plugin->name));
        }
    }
}
