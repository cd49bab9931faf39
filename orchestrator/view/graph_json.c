/* SPDX-License-Identifier: Apache-2.0 */
#include "view/graph_json.h"

#include "view/step_words.h"

struct json graph_json(const struct pipeline *pipeline, struct arena *arena)
{
    struct json nodes = json_array();
    struct json edges = json_array();
    for (size_t i = 0; i < pipeline->step_count; i++) {
        const struct step *step = &pipeline->steps[i];
        struct json node = json_object();
        json_set(arena, &node, "id", json_string(arena, step->id));
        json_set(arena, &node, "kind", json_cstring(arena, step_kind_words(step, arena)));
        json_push(arena, &nodes, node);
        for (size_t n = 0; n < step->need_count; n++) {
            struct json edge = json_object();
            json_set(arena, &edge, "from", json_string(arena, pipeline->steps[step->needs[n].step].id));
            json_set(arena, &edge, "to", json_string(arena, step->id));
            json_set(arena, &edge, "optional", json_bool(step->needs[n].optional));
            json_push(arena, &edges, edge);
        }
    }
    struct json object = json_object();
    json_set(arena, &object, "pipeline", json_string(arena, pipeline->name));
    json_set(arena, &object, "nodes", nodes);
    json_set(arena, &object, "edges", edges);
    return object;
}
