/* SPDX-License-Identifier: Apache-2.0
 * Every command's row. Each stands in the file that runs it; commands.c puts them in order.
 */
#ifndef SLUICE_CLI_COMMANDS_H
#define SLUICE_CLI_COMMANDS_H

#include "cli/cli.h"

/* cmd_run.c */
extern const struct command command_run, command_resume;
/* cmd_again.c */
extern const struct command command_retry, command_rerun, command_cancel;
/* cmd_approve.c */
extern const struct command command_approve, command_reject;
/* cmd_validate.c */
extern const struct command command_validate;

#endif
