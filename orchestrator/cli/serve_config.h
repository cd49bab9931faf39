/* SPDX-License-Identifier: Apache-2.0
 * config.yaml of `sluice serve`, read again: taken as at the start, or refused, which the activity log says as well.
 */
#ifndef SLUICE_CLI_SERVE_CONFIG_H
#define SLUICE_CLI_SERVE_CONFIG_H

#include "cli/session.h"

/* Takes what config.yaml says now. 0 with what differs in words (in the program's arena; NULL: nothing); -1 when it is
 * wrong: the one before stays in force. */
int serve_config_reload(struct session *session, const char **ret_words, struct err *err);

#endif
