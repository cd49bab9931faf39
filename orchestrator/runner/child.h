/* SPDX-License-Identifier: Apache-2.0
 * From fork to the step's own code.
 *
 * The child, in this order: enters its control group; keeps 0 (/dev/null), 1, 2 and the channel (3) or its script (4)
 * and closes the rest; resets signals; dies with the runner; leads its own process group; forgets what belongs to other
 * attempts; goes to its working directory; takes its environment and its limits. Then it is the step.
 * A command that has no inputs to look at is the program at once, by vfork: there is no copy of the runner to forget
 * anything in, and no channel. All other children are forks that run code of ours.
 * A child that is held, of a Lua or plugin step, stops before its working directory, the first thing that others may
 * still change, until it is released or the runner is gone. What a script runs in is made before that. Most of these
 * are forks of the fork server (fork_server.h), and read their spawn message from their channel.
 */
#ifndef SLUICE_RUNNER_CHILD_H
#define SLUICE_RUNNER_CHILD_H

#include "base/err.h"
#include "base/json.h"

#include <sys/resource.h>
#include <sys/types.h>

/* What the runner ignores, and its children do not. All other signals have their default in the runner: the
 * engine starts it so. */
enum { CHILD_SIGNALS = 3 };
extern const int child_signals[CHILD_SIGNALS];

/* What a child is given that is not in its spawn message. */
struct child_traits {
    char name[16];       /* of the process until it is another program */
    struct rlimit files; /* RLIMIT_NOFILE for the step: the runner raised its own */
    struct rlimit core;  /* RLIMIT_CORE for a step that is another program: the runner leaves no core */
    mode_t umask;
};

struct child_request {
    const struct json *spawn;
    struct child_traits traits;
    bool collect;              /* only publish what spawn.collect asks for */
    bool clear;                /* the places are to be cleared and made in the child (step_folders.h) */
    bool held;                 /* it waits for child_release; nobody is told that it has begun */
    const char *group;         /* the control group of the step; NULL: none. Not for what publishes */
    void (*began)(void *ctx, pid_t pid); /* as soon as it has, and is another program if it is to be one */
    void (*forget)(void *ctx); /* in the child: overwrites what is not the attempt's */
    void *ctx;
    int *ret_code;             /* with -1: the exit code that says why nothing was started (125, 126, 127) */
};

/* The runner's ends, non-blocking. `channel` is -1 for a command that is the program at once. */
struct child_ends {
    int out;
    int error;
    int channel;
};

/* Its ends of the two pipes for what it prints, and of the channel. */
enum { CHILD_FDS = 3 };

struct fork_server;

/* The pid, or -1. */
pid_t child_start(const struct child_request *request, struct child_ends *ret_ends, struct err *err);
/* The same of a child that is held, by the fork server, which says who it is when it has made it. 0, or -1. */
int child_ask(struct fork_server *server, const struct child_request *request, struct child_ends *ret_ends);
/* What such a child is, in it. */
_Noreturn void child_of_server(const struct child_traits *traits, const int fds[CHILD_FDS], pid_t runner);
/* Lets a held child go on, whose channel this is. -1: it is gone. */
int child_release(int channel);
/* True for "lua" and "plugin": the step is code in the child, not another program. */
bool child_runs_inside(const struct json *spawn);

#endif
