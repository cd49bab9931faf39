/* SPDX-License-Identifier: Apache-2.0
 * What people name on the command line, looked up; where there is no such thing, the message offers the nearest name.
 */
#ifndef SLUICE_CLI_NAMES_H
#define SLUICE_CLI_NAMES_H

#include "cli/cli.h"
#include "pipeline/pipeline.h"
#include "store/pipeline_runs.h"

/* A run, as store_pipeline_run_find takes it; `words` NULL: the latest. */
int names_run(struct store *store, const char *words, struct arena *arena, struct pipeline_run *ret_row,
              struct err *err);
/* The first argument, a number from a list: "GATE, as 'sluice gates' numbers them: expected an integer ...". */
int names_number(const struct cli *cli, const char *listed_by, int64_t *ret, struct err *err);
/* The registered model and the number in "wine/3". */
int names_version(const char *words, struct arena *arena, const char **ret_name, int64_t *ret_version,
                  struct err *err);
/* "wine/12" or "wine/12.2": what a run is called in answers, whatever it was named by. */
const char *names_label(struct arena *arena, const struct pipeline_run *row);
/* The index of a step, or -1. `option` is what named it ("--until"), or NULL for an argument. */
ptrdiff_t names_step(const struct pipeline *pipeline, const char *option, const char *word, struct arena *arena,
                     struct err *err);
/* The index of the word in a list that ends with NULL, or -1: "--status 'done': expected queued, running, ...". */
int names_choice(const char *option, const char *word, const char *const *choices, struct arena *arena,
                 struct err *err);

#endif
