/* SPDX-License-Identifier: Apache-2.0
 * A pipeline's steps and what they need, as JSON.
 */
#ifndef SLUICE_VIEW_GRAPH_JSON_H
#define SLUICE_VIEW_GRAPH_JSON_H

#include "pipeline/pipeline.h"

/* {"pipeline", "nodes": [{"id", "kind"}], "edges": [{"from", "to", "optional"}]}: every edge; "optional" where a
 * skipped step is accepted. */
struct json graph_json(const struct pipeline *pipeline, struct arena *arena);

#endif
