/* SPDX-License-Identifier: Apache-2.0
 * What a step is, in a few words of one line: for plans and graphs. All text lives in the arena.
 */
#ifndef SLUICE_VIEW_STEP_WORDS_H
#define SLUICE_VIEW_STEP_WORDS_H

#include "pipeline/pipeline.h"

/* "run", "uses evaluate", "lua train.lua", "pipeline ./score.yaml" */
const char *step_kind_words(const struct step *step, struct arena *arena);
/* "train, best?": the steps it needs; "" for none. */
const char *step_needs_words(const struct pipeline *pipeline, const struct step *step, struct arena *arena);
/* "matrix of 9", "" without one. Items that are known at run time only are said to be so. */
const char *step_matrix_words(const struct step *step, struct arena *arena);
/* "if success() && (params.full)", "" without a condition: as it is understood, not only as it is written. */
const char *step_condition_words(const struct step *step, struct arena *arena);

#endif
