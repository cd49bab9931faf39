/* SPDX-License-Identifier: Apache-2.0
 * What opening a home and visiting one have in common.
 */
#ifndef SLUICE_CLI_SESSION_INTERNAL_H
#define SLUICE_CLI_SESSION_INTERNAL_H

#include "cli/session.h"

void session_begin(struct session *session, struct cli *cli, const struct session_options *options);
/* What needs no engine: plugins, configuration, the user. The home is open. */
int session_prepare(struct session *session, struct err *err);

#endif
