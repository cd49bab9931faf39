/* SPDX-License-Identifier: Apache-2.0
 * A pipeline's steps and what they need, drawn: for a terminal, for Markdown (Mermaid), for Graphviz (DOT).
 */
#ifndef SLUICE_CLI_GRAPH_H
#define SLUICE_CLI_GRAPH_H

#include "pipeline/pipeline.h"

#include <stdio.h>

/* One line a step, in an order in which they could run; lines lead from a step to those that need it. An edge that
 * follows from others is left out. Pipelines of more than GRAPH_STEPS_MAX steps, or wider than GRAPH_LANES_MAX lines,
 * are listed instead, each step with what it needs. */
enum { GRAPH_STEPS_MAX = 2000, GRAPH_LANES_MAX = 30 };
void graph_text(const struct pipeline *pipeline, struct arena *arena, FILE *out);
/* Every edge; dashed where a skipped step is accepted. Gates are hexagons. */
void graph_mermaid(const struct pipeline *pipeline, struct arena *arena, FILE *out);
void graph_dot(const struct pipeline *pipeline, struct arena *arena, FILE *out);

#endif
