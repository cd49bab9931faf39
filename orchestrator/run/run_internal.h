/* SPDX-License-Identifier: Apache-2.0
 * What the files of run/ share: marking changes, settling steps, expanding matrices.
 */
#ifndef SLUICE_RUN_RUN_INTERNAL_H
#define SLUICE_RUN_RUN_INTERNAL_H

#include "run/run.h"

/* Notes that a row changed (each at most once). */
void changes_item(struct run_changes *changes, struct run_place place);
void changes_step(struct run_changes *changes, size_t step);
void changes_action(struct run_changes *changes, struct run_action action);

/* ready.c: once the pipeline is known; releases; forgets what stands in them; adds a ready item. */
void run_make_queues(struct run *run);
void run_clear_queues(struct run *run);
void run_empty_queues(struct run *run);
void run_push_ready(struct run *run, struct run_place place);

/* run.c: a deep copy. */
struct run_item run_copy_item(struct arena *arena, const struct run_item *from);

/* settle.c: every step in run->due has all its needs terminal: it becomes ready, or skipped, failed, cancelled; and so
 * on through what depends on it. */
void run_settle_due(struct run *run, struct run_changes *changes);
/* The step has its final state: lowers its dependents' counters and notes who is due. */
void run_step_end(struct run *run, size_t step, enum step_state state, const char *reason, struct run_changes *changes);
/* Makes the items of a step; 0 when it has its end already. */
int run_expand(struct run *run, size_t step, struct run_changes *changes);
/* All items that may be ready now become ready (max_parallel). */
void run_fill_ready(struct run *run, size_t step, struct run_changes *changes);

/* apply.c: every item is terminal: the step's own state follows from theirs. */
void run_items_done(struct run *run, size_t step, struct run_changes *changes);

/* matrix.c: the items of a step, in order. 0, or -1 with the reason in words. An empty list is ret_count 0. */
int run_expand_matrix(struct run *run, size_t step, struct json **ret_items, size_t *ret_count, struct err *err);
/* "3-9f2c01ab": the index and 8 hex digits (FNV-1a, 32 bits) of the item's canonical JSON. */
void run_item_key(size_t index, const struct json *item, char room[20]);

#endif
