/* SPDX-License-Identifier: Apache-2.0
 * A run as the store has it, for showing: its row, its definition, its steps, its attempts.
 */
#ifndef SLUICE_VIEW_RUN_VIEW_H
#define SLUICE_VIEW_RUN_VIEW_H

#include "base/json.h"
#include "plugin/catalogue.h"
#include "run/run.h"
#include "store/pipeline_runs.h"
#include "store/steps.h"

struct run_view {
    struct arena *arena;
    struct pipeline_run row;
    const struct pipeline *pipeline;
    struct run *run; /* loaded, not to be applied to */
    struct attempt_row *attempts;
    size_t attempt_count;
    char label[32];  /* "12" or "12.2" */
};

int run_view_load(struct store *store, struct catalogue *plugins, const char *run_id, struct run_view *ret_view,
                  struct err *err);
/* The same without the attempts, which of a large run are most of it, and then those. */
int run_view_load_steps(struct store *store, struct catalogue *plugins, const char *run_id, struct run_view *ret_view,
                        struct err *err);
int run_view_load_attempts(struct store *store, struct run_view *view, struct err *err);
void run_view_clear(struct run_view *view);
/* The object of `sluice run --json` and `sluice show --json` (docs/reference/json.md): run_id, pipeline, number,
 * status, verdict, reason, steps. */
struct json run_view_json(const struct run_view *view, struct arena *arena);
/* The attempt that an item's last result comes from, or NULL. */
const struct attempt_row *run_view_attempt(const struct run_view *view, struct run_place place);

#endif
