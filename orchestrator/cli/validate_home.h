/* SPDX-License-Identifier: Apache-2.0
 * The pipelines that a home counts on, checked by this program: before another version of it is put in its place.
 */
#ifndef SLUICE_CLI_VALIDATE_HOME_H
#define SLUICE_CLI_VALIDATE_HOME_H

#include "cli/cli.h"
#include "pipeline/pipeline.h"

/* Checks the definition of every open run, and of the newest run of each pipeline. Nothing is changed: a store of an
 * earlier schema is read as it is, also while another version holds the home. */
int validate_home(struct cli *cli, const struct pipeline_world *known, struct diags **ret_files, size_t *ret_count,
                  struct err *err);

#endif
