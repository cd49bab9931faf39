/* SPDX-License-Identifier: Apache-2.0
 * The keeper of runners: a small process of the user of the steps, which the sluice of another user asks to start them
 * (wire/keeper.h). It answers one question at a time, and knows nothing of runs.
 *
 * It has its listening socket from the service manager (LISTEN_FDS, as sd_listen_fds(3) has it), and answers only who
 * has the home, and root. Its runners have its environment, its control group and its standard error. Told to end
 * (SIGTERM), it tells them so, and waits for them.
 */
#ifndef SLUICE_RUNNER_KEEPER_H
#define SLUICE_RUNNER_KEEPER_H

#include "base/err.h"

/* The whole life of the process. 0, or -1 when it could not begin. */
int keeper_serve(const char *home, struct err *err);

#endif
