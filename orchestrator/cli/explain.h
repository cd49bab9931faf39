/* SPDX-License-Identifier: Apache-2.0
 * Why each step of a run ran, was reused, skipped, waits, failed or was refused, and which input decided it.
 */
#ifndef SLUICE_CLI_EXPLAIN_H
#define SLUICE_CLI_EXPLAIN_H

#include "view/run_view.h"

/* An item, or a step without items:
 *   {"id","item","matrix","outcome","why"}, and where they are known "from", "compared_with", "changes", "kept",
 *   "not_kept"
 * outcome: ran, reused, kept (by a retry, from an earlier run), skipped, waits, runs, pending, failed, refused,
 * cancelled. `place.item` beyond the last: the step itself. */
struct json explain_item(struct store *store, const struct run_view *view, struct run_place place,
                         struct arena *arena);
/* What is another than in `earlier`, for an item of both: [{"part","from","to"}] of definition, params, inputs, code
 * and versions. */
struct json explain_against(struct store *store, const struct run_view *view, const struct run_view *earlier,
                            struct run_place place, struct arena *arena);

#endif
