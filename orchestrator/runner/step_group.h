/* SPDX-License-Identifier: Apache-2.0
 * A control group for each attempt that asks for memory or cores, where the machine lets us: the kernel keeps it to its
 * memory, and says whether it ended it for that. Without groups memory_watch.h looks at it instead.
 *
 * The groups lie in the one that was delegated to us, as sluice-<pid>-<start>-<mark>: pid and start are those of the
 * runner, so that the next one knows whose are left over, and the mark is $SLUICE_ATTEMPT.
 */
#ifndef SLUICE_RUNNER_STEP_GROUP_H
#define SLUICE_RUNNER_STEP_GROUP_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct group_base {
    const char *folder;   /* NULL: no groups are made */
    const char *why_not;  /* then why */
    bool has_cpu;
    bool is_made_up;      /* in tests: plain files stand for those of the kernel */
    pid_t pid;            /* the runner's */
    int64_t start_ticks;
};

/* Finds the group, goes to its `supervisor` with the engine that started us, hands memory and cpu down, and removes
 * what runners left that are no more. */
void group_base_open(struct group_base *base, int64_t start_ticks, struct arena *arena);

struct group_limits {
    int64_t memory_bytes; /* 0: none */
    int64_t cpu_milli;    /* its share when there are too few cores, never a limit; 0: not said */
};
/* Makes the group of an attempt: its folder, in the arena; NULL with `err`, and nothing is left. */
const char *step_group_make(const struct group_base *base, const char *mark, const struct group_limits *limits,
                            struct arena *arena, struct err *err);
/* A descriptor by which a process enters it; -1 with `err`. */
int step_group_door(const char *folder, struct err *err);
/* Puts this process in it. One system call: 0, or -1 with errno. */
int step_group_enter(int door);
/* Kills all that is in it. */
void step_group_kill(const char *folder);

struct group_usage { /* -1: not known */
    int64_t oom_kills;
    int64_t memory_peak_bytes;
    int64_t user_ms;
    int64_t system_ms;
};
struct group_usage step_group_usage(const char *folder);
/* How often the kernel has ended a process of the group that the runner is in: steps without one of their own are in
 * it, too. -1: it does not say. */
int64_t step_group_outer_oom_kills(void);
/* It must be empty; else it stays for the next runner. */
void step_group_remove(const struct group_base *base, const char *folder);

#endif
