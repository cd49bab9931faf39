/* SPDX-License-Identifier: Apache-2.0
 * From a file and options to a submission: what `run` and `rerun` have in common.
 */
#ifndef SLUICE_CLI_START_H
#define SLUICE_CLI_START_H

#include "cli/session.h"

enum start_purpose {
    START_TO_RUN,  /* the files that the pipeline names must be there; warnings are printed */
    START_TO_LOOK, /* only what is wrong with the file itself */
};
/* Loads and checks a pipeline file, into `arena`. NULL after printing what is wrong; `*ret_code` is then the exit code.
 */
const struct pipeline *start_load(struct cli *cli, struct catalogue *catalogue, const char *file, const char *workspace,
                                  enum start_purpose purpose, struct arena *arena, int *ret_code);
/* What to do about a pipeline file that is not there, or NULL. */
const char *start_missing_file(const struct cli *cli, const char *file);
/* The parameters of -p and --params over `base` (a map or NULL), typed, with the defaults. */
int start_params(const struct cli *cli, const struct pipeline *pipeline, const struct json *base,
                 struct json *ret_params, struct err *err);
/* Absolute folder in which the steps run and relative paths of the file start: --workspace, or the root of the checkout
 * that the file lies in, or its folder. */
int start_workspace(const struct cli *cli, const char *file, const char **ret_workspace, struct err *err);
/* --until names a step. */
int start_until(const struct cli *cli, const struct pipeline *pipeline, const char **ret_step, struct err *err);
/* --priority, NULL when it is not given. */
int start_priority(const struct cli *cli, const int64_t **ret_priority, struct err *err);
/* --seed, 0 when it is not given. */
int start_seed(const struct cli *cli, uint64_t *ret_seed, struct err *err);

#endif
