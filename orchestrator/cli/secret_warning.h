/* SPDX-License-Identifier: Apache-2.0
 * Warnings about secrets that the steps of a pipeline name and would not get: told before anything runs, not after six
 * hours of training. No error: the step may be one that is skipped, and the secret may be set meanwhile.
 */
#ifndef SLUICE_CLI_SECRET_WARNING_H
#define SLUICE_CLI_SECRET_WARNING_H

#include "cli/session.h"
#include "pipeline/pipeline.h"

/* Adds one warning (W021) for each such name, where it stands first. */
void secret_warning_add(struct secret_source *source, const struct pipeline *pipeline, struct diags *diags);
/* Of the home of an open session that is no visit: prints them on standard error. */
void secret_warning_print(struct session *session, const struct pipeline *pipeline);
/* Of the home that is found, when there is one that can be read as it is; of none otherwise. */
void secret_warning_look(struct cli *cli, const struct pipeline *pipeline, struct diags *diags);

#endif
