/* SPDX-License-Identifier: Apache-2.0
 * From a run that was to a submission like it, for those who retry one or start another: decided from its row and its
 * definition, which all live in the arena given.
 */
#ifndef SLUICE_ENGINE_AGAIN_H
#define SLUICE_ENGINE_AGAIN_H

#include "engine/engine.h"
#include "store/pipeline_runs.h"

/* The definition that the run had, checked anew; NULL when it is not accepted any more. */
const struct pipeline *again_definition(struct store *store, struct catalogue *plugins, const struct pipeline_run *row,
                                        struct arena *arena, struct err *err);
/* What the run knew of its surroundings: workspace, environment, and the vars with the values that they had then. `git`
 * when that is a checkout of a commit of a source; else it is null, and as it is now. */
int again_surroundings(const struct pipeline_run *row, struct arena *arena, struct engine_submission *submission,
                       struct err *err);
/* The flags of a step and of all below it. */
const bool *again_below(const struct pipeline *pipeline, size_t step, struct arena *arena);
/* A new revision of a run that has ended (`submission->pipeline` is its definition): of the steps that did not succeed,
 * or (`step` >= 0) of that one and all below it, with `only` of it alone. ERR_STATE when there is nothing to do again.
 */
int again_retry(const struct pipeline_run *row, ptrdiff_t step, bool only, struct arena *arena,
                struct engine_submission *submission, struct err *err);

#endif
