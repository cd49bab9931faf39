/* SPDX-License-Identifier: Apache-2.0
 * Finding the processes that a step has left behind.
 *
 * The runner is the subreaper of its steps: whatever a step starts stays its descendant, however often it forks. A
 * descendant is of an attempt when it is in the attempt's process group, holds SLUICE_ATTEMPT=<unique> in the
 * environment it was started with, bears the attempt's thread name (a plugin's fork that never execs), or has such a
 * process for its parent or in its session.
 */
#ifndef SLUICE_RUNNER_SWEEP_H
#define SLUICE_RUNNER_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sweep_target {
    pid_t group;
    const char *unique; /* value of SLUICE_ATTEMPT, or NULL */
    char name[16];      /* as sweep_name gives it */
    const char *cgroup; /* the folder of its control group, or NULL */
    pid_t spare;        /* a child of ours that is no step's, and has no children; 0: none */
    bool alone;         /* no other attempt is alive: every descendant is of this one */
};

enum { SWEEP_SHOWN = 8 };

struct sweep_found {
    size_t count;
    pid_t pids[SWEEP_SHOWN]; /* the first of them */
    bool blind;              /* not all of /proc could be read (too many open files, say): there may be others */
};

/* The thread name of an attempt's process. */
void sweep_name(int64_t attempt, char room[16]);
/* Sends `signal` (0: none) to each living process of the target, and says which they were. */
struct sweep_found sweep(const struct sweep_target *target, int signal);
/* The living processes of the target: how many, and which; the caller frees them. */
size_t sweep_list(const struct sweep_target *target, pid_t **ret_pids);
/* Quick: false when this process has no children but the `count` given. */
bool sweep_has_other_children(const pid_t *known, size_t count);

#endif
