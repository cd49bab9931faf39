/* SPDX-License-Identifier: Apache-2.0
 * Following a run to its end, or to where only a person can help: lines as things happen, then a summary.
 */
#ifndef SLUICE_CLI_FOLLOW_H
#define SLUICE_CLI_FOLLOW_H

#include "cli/session.h"

struct follow_options {
    bool wait;    /* --wait: stay through approvals */
    bool logs;    /* print the steps' log lines */
};

/* From here on a signal waits for follow_run, which cancels the run: one that has just been submitted is not left. */
void follow_hold_signals(void);
/* Turns the engine until the run has ended or waits for a person only. SIGINT, SIGTERM and SIGHUP cancel it by the stop
 * ladder; a second one kills. Returns the exit code; prints the summary, or with --json one object on standard output.
 */
int follow_run(struct session *session, const char *run_id, const struct follow_options *options);

#endif
