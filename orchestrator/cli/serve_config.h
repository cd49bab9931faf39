/* SPDX-License-Identifier: Apache-2.0
 * config.yaml of `sluice serve`: when it is taken, and when it is not, the activity log says so, with its digest and
 * the names of the keys that differ.
 */
#ifndef SLUICE_CLI_SERVE_CONFIG_H
#define SLUICE_CLI_SERVE_CONFIG_H

#include "cli/session.h"

/* At the start: notes the configuration in force, unless the log's last word on it is that it is this one. */
int serve_config_note(struct session *session, struct err *err);
/* Takes what config.yaml says now. 0 with what differs in words (in the program's arena); -1 when it is wrong: the one
 * before stays in force. */
int serve_config_reload(struct session *session, const char **ret_words, struct err *err);

#endif
