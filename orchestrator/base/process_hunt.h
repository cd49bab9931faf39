/* SPDX-License-Identifier: Apache-2.0
 * The end of what an attempt may have left running when its runner is gone: each of its processes carries
 * SLUICE_ATTEMPT=<mark>, or is of the process group that its first process led, or of the control group that the runner
 * named after the mark. A runner that was killed right after it had started that process has not told which it was:
 * then whatever is of the dead runner's session is taken, for its steps are all lost.
 */
#ifndef SLUICE_BASE_PROCESS_HUNT_H
#define SLUICE_BASE_PROCESS_HUNT_H

#include "base/strbuf.h"

#include <stdint.h>

/* What is known of the attempt. */
struct process_prey {
    const char *mark;
    int64_t pid;         /* of its first process; 0: not told */
    int64_t start_ticks; /* when that began, in ticks since the machine did */
    int64_t session;     /* of its runner; 0: not told */
};

/* Kills them: how many are left after a second, their pids in words in `pids`. Only those that this user may kill. */
int process_hunt(const struct process_prey *prey, struct strbuf *pids);

#endif
