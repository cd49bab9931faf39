/* SPDX-License-Identifier: Apache-2.0
 * The digest of what a record says: equal for the same record in every store that it is read from. Where files are is
 * no part of it, nor is what one store derives from the rest (the parent of a run, the model of a version).
 *
 * Lists are sorted in place. Text that is NULL is "".
 */
#ifndef SLUICE_MOVE_CONTENT_H
#define SLUICE_MOVE_CONTENT_H

#include "digest/digest.h"
#include "store/moved.h"

struct digest move_digest_experiment(struct moved_experiment *experiment);
struct digest move_digest_model(struct moved_model *model);
struct digest move_digest_registered(struct moved_registered *registered);
struct digest move_digest_trace(struct moved_trace *trace);

/* A run with its points, which come series by series (source.h has their order) and are not kept. Each series is
 * settled. The digest holds, for each key, the union of its series, which is what a run's history is, and each series
 * that a model or dataset was measured by. */
struct move_run_content;
struct move_run_content *move_run_content_new(struct moved_run *run);
void move_run_content_add(struct move_run_content *content, struct moved_series *series);
/* Gives the digest, and frees it. `ret_points` (or NULL) is the number of points in histories. */
struct digest move_run_content_take(struct move_run_content *content, int64_t *ret_points);

#endif
